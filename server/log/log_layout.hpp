#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "log/block.hpp"

/// The layout of a port's log in memory, which another process can resume: one mapped file, in the machine's byte order.
///
///   LogHeader | LogSlot[slots] | EventRecord[log_events_max] | TimeMark[log_time_marks_max] | slots of block_bytes
///
/// Marks and slots begin at pages of their own, so that a port with few of them uses few pages.
///
/// One thread writes. It stores bytes first and then the word that counts them, so that a kill at any time preserves
/// everything that was reported. A change of the layout needs another `log_version`.
namespace vserd::log {

inline constexpr std::uint64_t log_magic = 0x676F'6C64'7265'7376;  // "vserdlog"
inline constexpr std::uint32_t log_version = 6;

inline constexpr std::size_t log_events_max = 1024;
inline constexpr std::size_t log_time_marks_max = 4096;
/// Extra slots for blocks that slow readers still hold. Further blocks are on the heap.
inline constexpr std::size_t log_spare_slots = 32;

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));

struct LogSlot {
    Word first_offset;
    Word filled;  ///< bytes used in the lower half, checksum in the upper; 0: free
};

/// The system's clock minus the time since boot, in one boot of the machine.
struct BootOffset {
    Word boot;
    Word offset_ns;
};

inline constexpr std::size_t lease_texts = 4;
inline constexpr std::size_t lease_text_bytes_max = 440;

/// The lease of the port (restart/saved_lease.hpp), which the log does not read.
struct LeaseRecord {
    Word check;          ///< checksum of the rest; 0: none
    std::uint64_t turn;  ///< the greater, the newer
    std::uint64_t last_id;
    std::int64_t since_ns;  ///< by the system's clock, as expires_ns
    std::int64_t expires_ns;
    std::uint64_t ttl_ms;  ///< 0: the port is not held
    std::array<std::uint16_t, lease_texts> text_bytes;
    std::array<char, lease_text_bytes_max + 16> text;  ///< one after the other
};
static_assert(sizeof(LeaseRecord) == 512);

struct LogHeader {
    // Written once. The magic is written last: a file without it is incomplete.
    Word magic;
    std::uint32_t version;
    std::uint32_t check;  ///< checksum of the rest of this part
    std::uint64_t capacity_bytes;
    std::uint64_t file_bytes;
    std::uint64_t salt;  ///< part of all checksums, so that data of an earlier log in the same memory is not valid
    std::uint64_t device_hash;
    std::uint32_t slots;
    std::uint32_t events;
    std::uint32_t marks;
    std::uint32_t slot_bytes;
    std::uint32_t reserved_slots;  ///< their disk space is reserved
    std::uint32_t unused;
    std::array<char, 40> id;    ///< Port.log_id, ended by a NUL
    std::array<char, 72> port;  ///< its name, ended by a NUL

    // Changes while the log is in use.
    alignas(64) std::array<LogSlot, 2> unsaved;  ///< head offset after heap blocks; written in turn, so one is valid
    std::array<Word, 3> kept_first;              ///< see LogStore::kept()
    Word marks_place;                            ///< the ring's first mark in the upper half, the number in the lower
    Word marks_changing;                         ///< not 0: the ring is being rewritten
    std::array<Word, 5> kept_middle;
    Word owner;  ///< hash of the configuration that the port belongs to
    std::array<Word, 1> kept_last;
    /// Where the next bytes go: the slot in the upper half, and in the lower half the end of its fill pattern
    /// (fill_byte_at()). Bytes that differ from the pattern were read but not counted.
    Word prepared;
    std::array<BootOffset, 4> clocks;  ///< of the latest boots, the newest first
    Word marks_boot;                   ///< the boot of the marks whose time is since boot
    std::array<Word, 6> unused_words;
    std::array<LeaseRecord, 2> leases;  ///< written in turn, so one is valid
};

// Later versions read this layout: moving a member requires a new log_version.
static_assert(offsetof(LogHeader, unsaved) == 192 && offsetof(LogHeader, kept_first) == 224 &&
              offsetof(LogHeader, marks_place) == 248 && offsetof(LogHeader, kept_middle) == 264 &&
              offsetof(LogHeader, owner) == 304 && offsetof(LogHeader, kept_last) == 312 &&
              offsetof(LogHeader, prepared) == 320 && offsetof(LogHeader, clocks) == 328 &&
              offsetof(LogHeader, marks_boot) == 392 && offsetof(LogHeader, leases) == 448 &&
              sizeof(LogHeader) == 1472);

/// Words for the owner of the log, which the log does not read.
inline constexpr std::size_t log_kept_words = 9;

struct SavedTime {
    std::int64_t wall_ns;  ///< the system's clock at that time; used only if LogHeader::clocks has no entry for `boot`
    std::int64_t boot_ns;  ///< since boot
    std::uint64_t boot;    ///< see boot_number()
};

/// All bytes before `end_offset` had been received at that time.
struct TimeMark {
    std::uint64_t end_offset;
    /// In nanoseconds: since boot, in the boot LogHeader::marks_boot; with time_mark_wall added, by the system's clock.
    std::uint64_t time;
};
inline constexpr std::uint64_t time_mark_wall = std::uint64_t{1} << 63U;
static_assert(sizeof(TimeMark) == 16);

inline constexpr std::size_t event_text_bytes_max = 168;

struct EventRecord {
    Word check;  ///< checksum of the rest; 0: no event
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
