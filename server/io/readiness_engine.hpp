#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "io/engine.hpp"
#include "io/slot_table.hpp"
#include "io/transfer.hpp"

namespace vserd::io {

/// The common part of engines that wait until a descriptor is ready, and then read or write it themselves.
///
/// drain() tries each operation. If the operation has to wait, drain() calls arm(), and the mechanism of the derived class
/// calls became_ready() later. A late or false report costs one attempt. A missing report is a bug: the mechanism must
/// report every change after an attempt that found the descriptor exhausted, even if it reported the same readiness before.
class ReadinessEngine : public Engine {
public:
    Result<Slot> attach(int fd) final;
    void detach(Slot slot) noexcept final;
    void start(Operation& op) noexcept final;
    void cancel(Operation& op) noexcept final;
    void retry(Slot slot) noexcept final;
    std::size_t drain() noexcept final;
    bool pending() const noexcept final { return first_ != nullptr || has_more(); }

protected:
    /// Identifies one attachment, so that a late report about an earlier user of a slot is ignored. The low 32 bits are the
    /// slot, the next 24 a generation, and the top 8 are free for the mechanism.
    using Key = std::uint64_t;
    static constexpr unsigned key_bits = 56;
    static constexpr Key key_mask = (Key{1} << key_bits) - 1;
    static constexpr Slot slot_of(Key key) noexcept { return static_cast<Slot>(key); }

    /// Adds a descriptor. Fails with Failure::unsupported if the mechanism cannot serve it.
    virtual Result<void> add(Key key, int fd) = 0;
    /// Removes a descriptor, which is closed next. No reports about it may follow.
    virtual void remove(Key key, int fd) noexcept = 0;
    /// An operation of this kind has to wait: call became_ready() when it may succeed. Earlier calls are allowed.
    virtual void arm(Key key, int fd, OperationKind kind) noexcept = 0;
    /// Fetches the kernel's reports without blocking.
    virtual void poll() noexcept = 0;
    /// Passes to the kernel what arm() has queued.
    virtual void submit() noexcept {}
    /// Whether poll() or submit() has work, whether or not wait_fd() is readable.
    virtual bool has_more() const noexcept { return false; }

    /// Whether `key` names a present attachment.
    bool is_current(Key key) const noexcept;
    /// For poll(). `poll_events` are those of poll(2).
    void became_ready(Key key, unsigned poll_events) noexcept;
    /// The mechanism cannot watch this descriptor: operations that have to wait fail with this errno.
    void became_unwatchable(Key key, int errno_value) noexcept;

private:
    struct Entry {
        int fd = -1;
        std::uint32_t generation = 0;
        std::array<Operation*, 2> outstanding{};  // by OperationKind
        std::array<bool, 2> may_work{};           // by OperationKind: not exhausted since it was last ready
        bool stream = false;                      // a short read means that no bytes are left
        bool hung_up = false;                     // POLLHUP was in the last report
        int unwatchable_errno = 0;
    };

    static constexpr std::size_t index(OperationKind kind) noexcept { return static_cast<std::size_t>(kind); }
    Key key_of(Slot slot) const noexcept { return Key{entries_[slot].generation} << 32 | slot; }
    void wake(Entry& entry, OperationKind kind) noexcept;
    void enqueue(Operation& op, std::uint32_t state) noexcept;
    Operation& dequeue() noexcept;
    bool attempt(Operation& op) noexcept;
    bool complete_or_wait(Operation& op, Transfer moved) noexcept;
    void finish(Operation& op) noexcept;

    SlotTable<Entry> entries_;
    Operation* first_ = nullptr;  // the queue that the next drain() tries or completes, linked by Operation::next
    Operation* last_ = nullptr;
    bool draining_ = false;
};

}  // namespace vserd::io
