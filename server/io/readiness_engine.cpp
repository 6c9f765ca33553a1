#include "io/readiness_engine.hpp"

#include <poll.h>

#include <cassert>
#include <utility>

namespace vserd::io {
namespace {

// Values of Operation::state.
constexpr std::uint32_t idle = 0;
constexpr std::uint32_t waiting = 1;   // for its descriptor
constexpr std::uint32_t queued = 2;    // for an attempt in drain()
constexpr std::uint32_t canceled = 3;  // queued; completes without an attempt

constexpr std::uint32_t generation_mask = (1U << 24) - 1;

}  // namespace

Result<Slot> ReadinessEngine::attach(int fd) {
    if (const auto served = check_nonblocking(fd); !served) return served.error();
    const auto free = entries_.next();
    if (!free) return free.error();
    const Slot slot = *free;
    if (auto added = add(key_of(slot), fd); !added) return added.error();
    Entry& entry = entries_.take();
    entry.fd = fd;
    entry.outstanding = {};
    entry.may_work = {true, true};
    entry.stream = reads_as_stream(fd);
    entry.hung_up = false;
    entry.unwatchable_errno = 0;
    return slot;
}

void ReadinessEngine::detach(Slot slot) noexcept {
    Entry& entry = entries_[slot];
    assert(entry.fd >= 0 && entry.outstanding[0] == nullptr && entry.outstanding[1] == nullptr);
    remove(key_of(slot), std::exchange(entry.fd, -1));
    entry.generation = (entry.generation + 1) & generation_mask;
    entries_.give_back(slot);
}

void ReadinessEngine::start(Operation& op) noexcept {
    assert(op.slot < entries_.size() && op.size > 0 && op.complete != nullptr);
    Entry& entry = entries_[op.slot];
    assert(entry.fd >= 0 && entry.outstanding[index(op.kind)] == nullptr);
    entry.outstanding[index(op.kind)] = &op;
    op.state = waiting;
    if (entry.may_work[index(op.kind)]) enqueue(op, queued);
}

void ReadinessEngine::retry(Slot slot) noexcept {
    wake(entries_[slot], OperationKind::read);
    wake(entries_[slot], OperationKind::write);
}

void ReadinessEngine::cancel(Operation& op) noexcept {
    if (op.state == idle) return;
    // An edge-triggered report may already be used up, so the next operation must start with an attempt.
    entries_[op.slot].may_work[index(op.kind)] = true;
    if (op.state == waiting) enqueue(op, canceled);
    if (op.state == queued) op.state = canceled;
}

std::size_t ReadinessEngine::drain() noexcept {
    assert(!draining_);
    draining_ = true;
    poll();
    std::size_t completions = 0;
    std::size_t bytes = 0;
    for (std::size_t turns = 0; first_ != nullptr && turns < drain_operations_max && bytes < drain_bytes_max; ++turns) {
        Operation& op = dequeue();
        if (!attempt(op)) continue;
        if (op.result > 0) bytes += static_cast<std::size_t>(op.result);
        ++completions;
        finish(op);
    }
    submit();
    draining_ = false;
    return completions;
}

void ReadinessEngine::became_ready(Key key, unsigned poll_events) noexcept {
    if (!is_current(key)) return;
    Entry& entry = entries_[slot_of(key)];
    constexpr unsigned ended = POLLHUP | POLLERR;
    // The kernel may report the end only once, before its last bytes are read: from now on, read until the end shows.
    if ((poll_events & (POLLRDHUP | ended)) != 0) entry.stream = false;
    entry.hung_up = (poll_events & POLLHUP) != 0;
    if ((poll_events & (POLLIN | POLLPRI | POLLRDHUP | ended)) != 0) wake(entry, OperationKind::read);
    if ((poll_events & (POLLOUT | ended)) != 0) wake(entry, OperationKind::write);
}

void ReadinessEngine::became_unwatchable(Key key, int errno_value) noexcept {
    if (!is_current(key)) return;
    Entry& entry = entries_[slot_of(key)];
    entry.unwatchable_errno = errno_value;
    wake(entry, OperationKind::read);
    wake(entry, OperationKind::write);
}

bool ReadinessEngine::is_current(Key key) const noexcept {
    const Slot slot = slot_of(key);
    return slot < entries_.size() && entries_[slot].fd >= 0 && key_of(slot) == (key & key_mask);
}

void ReadinessEngine::wake(Entry& entry, OperationKind kind) noexcept {
    entry.may_work[index(kind)] = true;
    Operation* op = entry.outstanding[index(kind)];
    if (op != nullptr && op->state == waiting) enqueue(*op, queued);
}

void ReadinessEngine::enqueue(Operation& op, std::uint32_t state) noexcept {
    op.state = state;
    op.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &op;
    last_ = &op;
}

Operation& ReadinessEngine::dequeue() noexcept {
    Operation& op = *first_;
    first_ = op.next;
    if (first_ == nullptr) last_ = nullptr;
    return op;
}

/// Returns whether the operation is done; if not, it waits for its descriptor.
bool ReadinessEngine::attempt(Operation& op) noexcept {
    if (op.state == canceled) {
        op.result = -ECANCELED;
        return true;
    }
    Entry& entry = entries_[op.slot];
    entry.may_work[index(op.kind)] = false;  // before the transfer, so that a report during it sets it again
    return complete_or_wait(op, op.kind == OperationKind::read ? read_gather(entry.fd, op.data, op.size, entry.stream)
                                                               : write_once(entry.fd, op.data, op.size));
}

/// Returns whether the operation is done after an attempt that moved `moved`.
bool ReadinessEngine::complete_or_wait(Operation& op, Transfer moved) noexcept {
    Entry& entry = entries_[op.slot];
    bool& may_work = entry.may_work[index(op.kind)];
    if (!moved.exhausted) may_work = true;
    op.result = moved.result;
    if (moved.result != -EAGAIN) {
        // The descriptor is exhausted: without arm(), the next operation would wait for a report that never comes.
        if (!may_work) arm(key_of(op.slot), entry.fd, op.kind);
        return true;
    }
    if (entry.unwatchable_errno != 0) {
        op.result = -entry.unwatchable_errno;
        return true;
    }
    if (entry.hung_up && op.kind == OperationKind::write) {
        op.result = -EIO;  // a full pty master whose other end is closed returns EAGAIN and POLLHUP forever
        return true;
    }
    if (may_work) {
        enqueue(op, queued);
        return false;
    }
    op.state = waiting;
    arm(key_of(op.slot), entry.fd, op.kind);
    return false;
}

void ReadinessEngine::finish(Operation& op) noexcept {
    entries_[op.slot].outstanding[index(op.kind)] = nullptr;
    op.state = idle;
    op.next = nullptr;
    op.complete(op, op.result);  // this may free the operation
}

}  // namespace vserd::io
