#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "log/block.hpp"

/// What a port's log is in memory that another process may take over: one mapped file, in the byte order of the machine.
///
///   LogHeader | LogSlot[slots] | EventRecord[log_events_max] | TimeMark[log_time_marks_max] | slots of block_bytes
///
/// One thread writes, and a kill at any instant leaves what was told before it: bytes first, then the word that counts
/// them. Any other layout is another `log_version`.
namespace vserd::log {

inline constexpr std::uint64_t log_magic = 0x676F'6C64'7265'7376;  // "vserdlog"
inline constexpr std::uint32_t log_version = 3;

inline constexpr std::size_t log_events_max = 1024;
inline constexpr std::size_t log_time_marks_max = 4096;
/// Blocks besides those of the log itself, for what stopped readers still hold. Beyond them blocks are on the heap.
inline constexpr std::size_t log_spare_slots = 32;

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));

struct LogSlot {
    Word first_offset;
    Word filled;  ///< bytes used in the lower half, their check in the upper; 0: free
};

/// What the system's clock and the time since boot differed by, in one boot of the machine.
struct BootOffset {
    Word boot;
    Word offset_ns;
};

struct LogHeader {
    // Written once. The magic comes last: a file without it was never finished.
    Word magic;
    std::uint32_t version;
    std::uint32_t check;  ///< over the rest of this part
    std::uint64_t capacity_bytes;
    std::uint64_t file_bytes;
    std::uint64_t salt;  ///< what an earlier log left in the same memory does not add up with it
    std::uint64_t device_hash;
    std::uint32_t slots;
    std::uint32_t events;
    std::uint32_t marks;
    std::uint32_t slot_bytes;
    std::uint32_t reserved_slots;  ///< whose room is sure; the others are asked for at need
    std::uint32_t unused;
    std::array<char, 40> id;    ///< Port.log_id, ended by a NUL
    std::array<char, 72> port;  ///< its name, ended by a NUL

    // What changes.
    alignas(64) std::array<LogSlot, 2> unsaved;  ///< the head after bytes that found no slot; by turns, one stays whole
    std::array<Word, 3> kept_first;              ///< see LogStore::kept()
    Word marks_place;                            ///< of the ring: the first in the upper half, how many in the lower
    Word marks_changing;                         ///< not 0: the ring is being rewritten
    std::array<Word, 5> kept_middle;
    Word owner;  ///< a hash of the configuration whose port it is
    std::array<Word, 1> kept_last;
    /// Where the next bytes go: the slot in the upper half; in the lower the end of what holds fill_byte_at() or, where it
    /// does not, bytes that were read and that no slot counts yet.
    Word prepared;
    std::array<BootOffset, 4> clocks;  ///< of the latest boots, the newest first
};

// The next version reads what this one leaves: what moves a member changes log_version.
static_assert(offsetof(LogHeader, unsaved) == 192 && offsetof(LogHeader, kept_first) == 224 &&
              offsetof(LogHeader, marks_place) == 248 && offsetof(LogHeader, kept_middle) == 264 &&
              offsetof(LogHeader, owner) == 304 && offsetof(LogHeader, kept_last) == 312 &&
              offsetof(LogHeader, prepared) == 320 && offsetof(LogHeader, clocks) == 328 && sizeof(LogHeader) == 448);

/// Words that whoever owns the log keeps in its memory; the log does not read them.
inline constexpr std::size_t log_kept_words = 9;

struct SavedTime {
    std::int64_t wall_ns;  ///< of the system's clock as it was then; good only where nothing is known of that boot
    std::int64_t boot_ns;  ///< since boot
    std::uint64_t boot;    ///< which: LogHeader::clocks knows what the system's clock was found to differ by
};

struct TimeMark {
    std::uint64_t end_offset;  ///< bytes before it were received by
    SavedTime time;
};

inline constexpr std::size_t event_text_bytes_max = 168;

struct EventRecord {
    Word check;  ///< over the rest; 0: none
    std::uint64_t number;
    std::uint64_t offset;
    SavedTime time;
    std::uint32_t kind;
    std::uint32_t text_bytes;
    std::array<std::uint64_t, 4> values;
    std::array<char, event_text_bytes_max> text;
};
static_assert(sizeof(EventRecord) == 256);

inline std::uint64_t mixed(std::uint64_t value) noexcept {  // the finalizer of MurmurHash3
    value ^= value >> 33U;
    value *= 0xFF51'AFD7'ED55'8CCD;
    value ^= value >> 33U;
    value *= 0xC4CE'B9FE'1A85'EC53;
    return value ^ (value >> 33U);
}

inline std::uint64_t hash_of(const void* data, std::size_t size, std::uint64_t seed) noexcept {  // FNV-1a
    const auto* byte = static_cast<const unsigned char*>(data);
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325 ^ seed;
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ byte[i]) * 0x0000'0100'0000'01B3;
    return hash;
}

}  // namespace vserd::log
