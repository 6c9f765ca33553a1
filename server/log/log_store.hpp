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

/// The port, device and size of a log. All three must match to resume it.
struct LogIdentity {
    std::string port;
    std::string device;
    std::size_t capacity_bytes = 0;

    friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};

/// The description in a log's header.
struct LogLabel {
    std::string port;
    std::uint64_t owner = 0;  ///< 0 if the layout has another version
    std::uint32_t version = 0;
    std::uint64_t hash = 0;  ///< of the device

    bool is_of(const std::string& device) const noexcept;
};

/// Bytes that the previous process read from the device, but did not count before it was killed.
struct Uncounted {
    BlockRef block;  ///< a new block with the bytes; null: they follow the last byte that was found
    std::size_t bytes = 0;
};

class LogStore;
using LogStoreRef = boost::intrusive_ptr<LogStore>;

/// The memory of one port's log (log_layout.hpp): private to this process, or a mapped file that the next process resumes.
/// Io thread only, but blocks may be released on any thread. They keep the mapping alive.
class LogStore {
public:
    /// A new log in private memory. Throws std::bad_alloc.
    static LogStoreRef in_memory(std::size_t capacity_bytes);
    /// A new log in a file, whose content is lost. `reserve`: allocate the disk space now, because a full disk would raise
    /// SIGBUS later.
    static Result<LogStoreRef> create(base::Fd file, const LogIdentity& identity, bool reserve);
    /// Resumes the log of the previous process. Error messages complete a sentence that begins with "the stored log ".
    static Result<LogStoreRef> open(base::Fd file, const LogIdentity& identity);
    /// Copies a log that open() returned and nothing has used yet to another file, whose space is reserved as by create().
    Result<LogStoreRef> copied_to(base::Fd file, const LogIdentity& identity) const;
    /// Resets the store to its state after open(), for another ByteLog in the same process. Heap blocks are lost.
    Result<void> reopen();
    /// Discards the content, and goes on as another log that has reached `offset` and had `events` events. Call it before the
    /// store is used. If the process ends meanwhile, the next one rejects the file.
    void restart_as(std::string_view id, std::uint64_t offset, std::uint64_t events) noexcept;
    /// Reads the label of the log in a file, even if the layout has another version. Errors: see open().
    static Result<LogLabel> label_of(int file);

    ~LogStore() = default;
    LogStore(const LogStore&) = delete;
    LogStore& operator=(const LogStore&) = delete;

    /// How often an access found the file truncated. Its content is lost, and the log is no longer kept.
    std::uint32_t cuts() const noexcept { return mapped_.cuts(); }

    std::string_view id() const noexcept { return id_; }
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }
    /// Whether no other process can resume it.
    bool is_private() const noexcept { return header_->port.front() == '\0'; }
    /// Whether another process could truncate it.
    bool is_in_file() const noexcept { return survives_; }
    int file() const noexcept { return file_.get(); }
    /// The mapping remains.
    void close_file() noexcept { file_.reset(); }

    /// The contiguous blocks up to the head that open() found.
    std::vector<BlockRef> take_found();
    Uncounted take_uncounted();
    std::uint64_t found_head() const noexcept { return found_head_; }
    /// The number of events before the log, after restart_as(), or the least number of all events.
    std::uint64_t events_before() const noexcept { return events_before_; }
    /// Call it before the store is used: so many events are known elsewhere.
    void expect_events(std::uint64_t events) noexcept { events_before_ = events; }
    /// Whether the previous process left it. A new log is not searched, because touching its pages would use memory.
    bool recovered() const noexcept { return recovered_; }

    /// An empty block for the bytes from `first_offset` on.
    BlockRef new_block(std::uint64_t first_offset);
    /// Counts the bytes of `block` up to `used` as part of the log.
    void fill(Block& block, std::size_t used) noexcept;

    /// Writes the fill pattern to `block` up to `end`, before a device is read into it. After a kill, take_uncounted() finds
    /// bytes that differ from the pattern. It may miss last bytes that equal the pattern (1 in 128), but never ASCII.
    void prepare(Block& block, std::size_t end) noexcept;

    std::span<EventRecord> events() const noexcept { return {events_, log_events_max}; }
    std::span<TimeMark, log_time_marks_max> marks() const noexcept {
        return std::span<TimeMark, log_time_marks_max>{marks_, log_time_marks_max};
    }
    LogHeader& header() const noexcept { return *header_; }
    /// One of log_kept_words words that are kept with the log; 0 in a new log.
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
    void cache_header();
    Block& block_at(std::size_t slot);
    bool is_free(std::size_t slot) const noexcept;
    std::byte fill_byte_at(const Block& block, std::size_t at) const noexcept;

    std::atomic<std::uint32_t> references_{0};  // one for the log, and one for each block in use
    base::Fd file_;
    const MappedFile mapped_;
    std::byte* const memory_;
    const bool survives_;  // it is in a file, which the next process can open
    const std::size_t bytes_;
    const std::size_t capacity_bytes_;
    const std::size_t own_slots_;
    const std::size_t slots_count_;
    LogHeader* header_;
    LogSlot* slots_;
    EventRecord* events_;
    TimeMark* marks_;
    std::byte* data_;
    std::vector<std::unique_ptr<Block>> blocks_;  // of the slots up to the last that was used; null: never used
    std::string id_;
    std::uint64_t salt_ = 0;
    std::size_t usable_slots_ = 0;
    std::size_t next_slot_ = 0;  // where the search for a free slot starts
    std::size_t unsaved_turn_ = 0;
    std::vector<Block*> found_;
    std::uint64_t found_head_ = 0;
    std::uint64_t events_before_ = 0;
    bool recovered_ = false;
};

}  // namespace vserd::log
