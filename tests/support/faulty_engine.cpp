#include "support/faulty_engine.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vserd {
namespace {

constexpr std::array device_errors{EIO, ENODEV, ENXIO, ENOMEM, EBADF, EINVAL};

}  // namespace

FaultyEngine::FaultyEngine(std::uint64_t seed) : ready_(::eventfd(1, EFD_CLOEXEC)), random_(seed) {}

Result<io::Slot> FaultyEngine::attach(int fd) {
    if (chance(faults_.fail)) return errno_error("attach", ENOMEM);
    if ((::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) misuses_.emplace_back("attach of a descriptor that blocks");
    auto free = std::find(descriptors_.begin(), descriptors_.end(), -1);
    if (free == descriptors_.end()) free = descriptors_.insert(free, -1);
    *free = fd;
    return static_cast<io::Slot>(free - descriptors_.begin());
}

void FaultyEngine::detach(io::Slot slot) noexcept {
    for (const auto& [op, canceled] : outstanding_) {
        if (op->slot == slot) misuses_.emplace_back("detach with an operation outstanding");
    }
    if (::fcntl(descriptors_[slot], F_GETFD) < 0) misuses_.emplace_back("a descriptor closed before its detach");
    descriptors_[slot] = -1;
}

void FaultyEngine::start(io::Operation& op) noexcept {
    for (const auto& [other, canceled] : outstanding_) {
        if (other->slot == op.slot && other->kind == op.kind) misuses_.emplace_back("two operations of a kind at once");
    }
    if (op.size == 0) misuses_.emplace_back("an operation of no bytes");
    if (op.slot >= descriptors_.size() || descriptors_[op.slot] < 0) misuses_.emplace_back("start on a free slot");
    if (op.kind == io::OperationKind::write) written_before_write_.push_back(bytes_written_.size());
    outstanding_.push_back({&op, false});
}

void FaultyEngine::cancel(io::Operation& op) noexcept {
    for (auto& entry : outstanding_) entry.canceled = entry.canceled || entry.op == &op;
}

std::size_t FaultyEngine::drain() noexcept {
    std::vector<io::Operation*> turn;  // those that a completion starts have to wait for the next
    for (const auto& entry : outstanding_) turn.push_back(entry.op);
    std::shuffle(turn.begin(), turn.end(), random_);
    std::size_t completions = 0;
    for (const auto* op : turn) {
        if (chance(faults_.delay)) continue;
        const auto entry =
            std::find_if(outstanding_.begin(), outstanding_.end(), [op](const auto& o) { return o.op == op; });
        if (settle(static_cast<std::size_t>(entry - outstanding_.begin()))) ++completions;
    }
    return completions;
}

/// Returns whether the operation completed.
bool FaultyEngine::settle(std::size_t index) noexcept {
    const auto [op, canceled] = outstanding_[index];
    ssize_t result = canceled && chance(500) ? -ECANCELED : attempt(*op);
    if (result == -EAGAIN && !canceled) return false;
    if (result == -EAGAIN) result = -ECANCELED;
    outstanding_.erase(outstanding_.begin() + static_cast<std::ptrdiff_t>(index));
    op->complete(*op, result);
    return true;
}

ssize_t FaultyEngine::attempt(const io::Operation& op) noexcept {
    const bool reads = op.kind == io::OperationKind::read;
    if (reads) std::memset(op.data, '!', op.size);  // what lies behind the bytes of a read is nobody's
    if (chance(faults_.fail)) return -device_errors[random_() % device_errors.size()];
    if (reads && chance(faults_.hang_up)) return 0;
    return move_bytes(op, chance(faults_.split) ? some_of(op.size) : op.size);
}

ssize_t FaultyEngine::move_bytes(const io::Operation& op, std::size_t size) noexcept {
    const int fd = descriptors_[op.slot];
    const bool reads = op.kind == io::OperationKind::read;
    const ssize_t result = reads ? ::read(fd, op.data, size) : ::write(fd, op.data, size);
    if (result < 0) return errno == EINTR ? -EAGAIN : -errno;
    (reads ? bytes_read_ : bytes_written_)
        .append(reinterpret_cast<const char*>(op.data), static_cast<std::size_t>(result));
    return result;
}

/// Few more often than many: boundaries are where the faults are.
std::size_t FaultyEngine::some_of(std::size_t size) noexcept {
    return std::min<std::size_t>(size, 1 + random_() % (std::uint64_t{1} << random_() % 14));
}

std::size_t FaultyEngine::attached() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(descriptors_.begin(), descriptors_.end(), [](int fd) { return fd >= 0; }));
}

std::size_t FaultyEngine::written_before_write(std::size_t index) const noexcept {
    return index < written_before_write_.size() ? written_before_write_[index] : bytes_written_.size();
}

}  // namespace vserd
