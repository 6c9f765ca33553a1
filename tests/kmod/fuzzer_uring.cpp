#include <linux/time_types.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstring>

#include "fuzzer.hpp"
#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

constexpr unsigned ring_entries = 16;

char* map(int fd, std::size_t bytes, off_t offset) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

}  // namespace

RawRing::RawRing(unsigned flags) {
    parameters_.flags = flags;
    parameters_.sq_thread_idle = 1;
    fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, ring_entries, &parameters_));
    if (fd_ < 0) return;
    const std::size_t submission = parameters_.sq_off.array + sizeof(__u32) * parameters_.sq_entries;
    const std::size_t completion =
        parameters_.cq_off.cqes + 2 * sizeof(io_uring_cqe) * parameters_.cq_entries;  // twice for CQE32
    queue_bytes_ = submission > completion ? submission : completion;
    entries_bytes_ = parameters_.sq_entries * sizeof(io_uring_sqe) * ((flags & IORING_SETUP_SQE128) != 0 ? 2 : 1);
    queue_ = map(fd_, queue_bytes_, IORING_OFF_SQ_RING);
    entries_ = map(fd_, entries_bytes_, IORING_OFF_SQES);
}

RawRing::~RawRing() {
    if (entries_ != nullptr) ::munmap(entries_, entries_bytes_);
    if (queue_ != nullptr) ::munmap(queue_, queue_bytes_);
    if (fd_ >= 0) ::close(fd_);
}

void RawRing::add(const io_uring_sqe& entry) {
    const __u32 mask = word(parameters_.sq_off.ring_mask);
    auto& tail = word(parameters_.sq_off.tail);
    const __u32 index = tail & mask;
    const std::size_t entry_bytes = entries_bytes_ / parameters_.sq_entries;
    std::memcpy(entries_ + index * entry_bytes, &entry, sizeof entry);
    word(parameters_.sq_off.array + static_cast<__u32>(sizeof(__u32)) * index) = index;
    std::atomic_ref{tail}.store(tail + 1, std::memory_order_release);
    ++added_;
}

void RawRing::enter() {
    constexpr unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP;
    ::syscall(SYS_io_uring_enter, fd_, added_, 0, flags, nullptr, 0);
    added_ = 0;
    word(parameters_.cq_off.head) = word(parameters_.cq_off.tail);
}

io_uring_sqe Fuzzer::uring_entry() {
    constexpr __u8 operations[] = {IORING_OP_READ,        IORING_OP_WRITE,        IORING_OP_READV,
                                   IORING_OP_WRITEV,      IORING_OP_POLL_ADD,     IORING_OP_POLL_ADD,
                                   IORING_OP_POLL_REMOVE, IORING_OP_ASYNC_CANCEL, IORING_OP_URING_CMD,
                                   IORING_OP_URING_CMD,   IORING_OP_LINK_TIMEOUT, IORING_OP_CLOSE};
    static constexpr __kernel_timespec soon{0, 1000000};
    io_uring_sqe entry{};
    entry.opcode = pick(operations);
    entry.fd = fd();
    entry.addr = reinterpret_cast<__u64>(pointer());
    entry.len = static_cast<__u32>(size());
    entry.user_data = pick(8);
    entry.flags = static_cast<__u8>(pick(3) == 0 ? random_() & 0x7e : 0);
    if (pick(4) == 0) entry.off = random_();
    switch (entry.opcode) {
        case IORING_OP_POLL_ADD:
            entry.addr = 0;
            entry.len = pick(4);  // one shot, multishot, update
            entry.poll32_events = pick(3) == 0 ? static_cast<__u32>(random_()) : POLLIN | POLLPRI;
            break;
        case IORING_OP_POLL_REMOVE:
        case IORING_OP_ASYNC_CANCEL:
            entry.addr = pick(8);
            entry.len = entry.opcode == IORING_OP_ASYNC_CANCEL ? 0 : pick(4);
            entry.cancel_flags = pick(16);
            break;
        case IORING_OP_URING_CMD: {
            const vs_uring_arg argument{
                pick(2) == 0 ? pick(12) : static_cast<__u32>(random_()), pick(4), {pick(8) == 0, 0}};
            entry.addr = 0;
            entry.cmd_op = pick(14);
            std::memcpy(entry.cmd, &argument, sizeof argument);
            break;
        }
        case IORING_OP_LINK_TIMEOUT:
            entry.addr = reinterpret_cast<__u64>(&soon);
            entry.len = 1;
            break;
        default: break;
    }
    return entry;
}

void Fuzzer::uring() {
    constexpr unsigned kinds[] = {0,
                                  0,
                                  IORING_SETUP_SQE128,
                                  IORING_SETUP_CQE32,
                                  IORING_SETUP_IOPOLL,
                                  IORING_SETUP_SQPOLL,
                                  IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
                                  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER};
    // Making a ring costs the kernel far more than using one.
    if (!ring_ || pick(400) == 0) ring_ = std::make_unique<RawRing>(pick(kinds));
    if (!ring_->ready()) {
        ring_.reset();
        return;
    }
    for (unsigned left = 1 + pick(4); left > 0; --left) ring_->add(uring_entry());
    ring_->enter();
    ++made_;
}

}  // namespace vserd::kmodtest
