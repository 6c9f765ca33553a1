#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "log/log_layout.hpp"
#include "log/mapped_file.hpp"

namespace vserd::log {

/// Whose log a store is. One of another port, device or size is not taken over.
struct LogIdentity {
    std::string port;
    std::string device;
    std::size_t capacity_bytes = 0;

    friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};

/// What a log says of itself.
struct LogLabel {
    std::string port;
    std::uint64_t owner = 0;  ///< 0 where the layout is not ours
    std::uint32_t version = 0;
    std::uint64_t hash = 0;  ///< of the device

    bool is_of(const std::string& device) const noexcept;
};

/// Bytes that a process before read from the device and was killed before it counted them: behind the last of those found,
/// or in a block of their own.
struct Uncounted {
    BlockRef block;  ///< null: the last one found
    std::size_t bytes = 0;
};

class LogStore;
using LogStoreRef = boost::intrusive_ptr<LogStore>;

/// The memory of one port's log (log_layout.hpp): of this process alone, or a mapped file that the next process goes on
/// with. Io thread; blocks may be released on any, and keep the mapping.
class LogStore {
public:
    /// A log that begins, in the memory of this process; throws std::bad_alloc.
    static LogStoreRef in_memory(std::size_t capacity_bytes);
    /// A log that begins, in a file whose content is lost. `reserve`: take the room from the disk now, because memory that
    /// finds none later is a SIGBUS.
    static Result<LogStoreRef> create(base::Fd file, const LogIdentity& identity, bool reserve);
    /// The log that a process before left in the file. The message of a failure goes on after "the stored log ".
    static Result<LogStoreRef> open(base::Fd file, const LogIdentity& identity);
    /// The same log in another file, which is reserved as by create(); for a store that open() gave and nobody used yet.
    Result<LogStoreRef> copied_to(base::Fd file, const LogIdentity& identity) const;
    /// As if open() had given it: for another log in the same process. What was on the heap is lost.
    Result<void> take_up_again();
    /// Whose log is in there, as far as its header can be read; else as open().
    static Result<LogLabel> label_of(int file);

    ~LogStore() = default;
    LogStore(const LogStore&) = delete;
    LogStore& operator=(const LogStore&) = delete;

    /// How often somebody cut the file short, as far as anyone has met it: what was in it is lost, and nothing is kept.
    std::uint32_t cuts() const noexcept { return mapped_.cuts(); }

    std::string_view id() const noexcept { return id_; }
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }
    int file() const noexcept { return file_.get(); }
    /// The mapping stays; whoever else has the file keeps it.
    void close_file() noexcept { file_.reset(); }

    /// What was found by open(): blocks one after the other up to the head.
    std::vector<BlockRef> take_found();
    Uncounted take_uncounted();
    std::uint64_t found_head() const noexcept { return found_head_; }
    /// Whether it was left by a process before. Of one that begins nothing need be looked at, which would take memory.
    bool was_left() const noexcept { return was_left_; }

    /// An empty block for the bytes from `first_offset` on.
    BlockRef new_block(std::uint64_t first_offset);
    /// `block` has `used` bytes now, the last of the log.
    void fill(Block& block, std::size_t used) noexcept;

    /// Before the bytes of `block` up to `end` are read into: what a kill leaves there is found by take_uncounted(). Bytes
    /// that end as the fill does are taken for a few less, once in 128 times; never where they are ASCII.
    void prepare(Block& block, std::size_t end) noexcept;

    std::span<EventRecord> events() const noexcept { return {events_, log_events_max}; }
    std::span<TimeMark, log_time_marks_max> marks() const noexcept {
        return std::span<TimeMark, log_time_marks_max>{marks_, log_time_marks_max};
    }
    LogHeader& header() const noexcept { return *header_; }
    /// One of log_kept_words words that survive with the log, zero in a new one.
    Word& kept(std::size_t place) const noexcept;
    void set_owner(std::uint64_t owner) noexcept { header_->owner.store(owner, std::memory_order_relaxed); }

private:
    friend struct Block;
    friend void intrusive_ptr_add_ref(LogStore* store) noexcept {
        store->references_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(LogStore* store) noexcept {
        if (store->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete store;
    }

    LogStore(base::Fd file, MappedFile memory, std::size_t capacity_bytes);
    void begin(const LogIdentity& identity, std::size_t reserved_slots);
    Result<void> check(const LogIdentity& identity) const;
    Result<void> find_blocks();
    Result<std::uint64_t> unsaved_head() const;
    std::uint64_t filled_word(std::uint64_t first_offset, std::size_t used) const noexcept;
    void know_header();
    std::byte fill_byte_at(const Block& block, std::size_t at) const noexcept;

    std::atomic<std::uint32_t> references_{0};  // the log's, and one for each block in use
    base::Fd file_;
    const MappedFile mapped_;
    std::byte* const memory_;
    const bool survives_;  // the process, in a file
    const std::size_t bytes_;
    const std::size_t capacity_bytes_;
    const std::size_t own_slots_;
    const std::size_t slots_count_;
    LogHeader* header_;
    LogSlot* slots_;
    EventRecord* events_;
    TimeMark* marks_;
    std::byte* data_;
    std::unique_ptr<Block[]> blocks_;  // one for each slot
    std::string id_;
    std::uint64_t salt_ = 0;
    std::size_t usable_slots_ = 0;
    std::size_t next_slot_ = 0;  // where to look first
    std::size_t unsaved_turn_ = 0;
    std::vector<Block*> found_;
    std::uint64_t found_head_ = 0;
    bool was_left_ = false;
};

}  // namespace vserd::log
