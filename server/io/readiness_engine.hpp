#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "io/engine.hpp"
#include "io/slot_table.hpp"
#include "io/transfer.hpp"

namespace vserd::io {

/// What the engines share that learn from the kernel when a descriptor is ready and then read and write it themselves.
///
/// An operation is tried in drain(), and only where it has to wait does the mechanism hear of it (await). What the
/// mechanism reports (became_ready) may be late or false: that costs one attempt. It must not be missing: whatever
/// arrives after an attempt that found the descriptor exhausted is reported, also when it was reported as ready before.
class ReadinessEngine : public Engine {
public:
    Result<Slot> attach(int fd) final;
    void detach(Slot slot) noexcept final;
    void start(Operation& op) noexcept final;
    void cancel(Operation& op) noexcept final;
    void retry(Slot slot) noexcept final;
    std::size_t drain() noexcept final;
    bool pending() const noexcept final { return first_ != nullptr || can_collect(); }

protected:
    /// Names one attachment. Slots are reused, and a report about an earlier user of one must not reach the next:
    /// the low 32 bits are the slot, the next 24 count its users, the top 8 are free for the mechanism.
    using Key = std::uint64_t;
    static constexpr unsigned key_bits = 56;
    static constexpr Key key_mask = (Key{1} << key_bits) - 1;
    static constexpr Slot slot_of(Key key) noexcept { return static_cast<Slot>(key); }

    /// A descriptor comes: refuse it here if the mechanism cannot serve it.
    virtual Result<void> admit(Key key, int fd) = 0;
    /// The descriptor leaves and is closed right after: let go of it now, and report no more.
    virtual void dismiss(Key key, int fd) noexcept = 0;
    /// Operations of this kind have to wait: report when it may be worth another attempt. Reporting more often is
    /// allowed.
    virtual void await(Key key, int fd, OperationKind kind) noexcept = 0;
    /// Fetches what the kernel has to report, without blocking.
    virtual void collect() noexcept = 0;
    /// Hands to the kernel what await() has gathered.
    virtual void submit() noexcept {}
    /// Whether collect() or submit() has work that wait_fd() will not announce, or already has.
    virtual bool can_collect() const noexcept { return false; }

    /// Whether the attachment that `key` names is still there.
    bool is_current(Key key) const noexcept;
    /// For collect(). `poll_events` as poll(2) has them.
    void became_ready(Key key, unsigned poll_events) noexcept;
    /// The mechanism cannot watch this descriptor: operations that would have to wait fail with this errno.
    void became_unwatchable(Key key, int errno_value) noexcept;

private:
    struct Entry {
        int fd = -1;
        std::uint32_t generation = 0;
        std::array<Operation*, 2> outstanding{};  // by OperationKind
        std::array<bool, 2> may_work{};           // by OperationKind: it has not been exhausted since it was last ready
        bool stream = false;                      // a short read leaves nothing behind
        bool hung_up = false;                     // as the last report had it
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
    Operation* first_ = nullptr;  // to be tried or completed by the next drain(), linked by Operation::next
    Operation* last_ = nullptr;
    bool draining_ = false;
};

}  // namespace vserd::io
