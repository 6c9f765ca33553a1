// io_uring: reads and writes that poll inside the kernel, multishot poll, cancel, and settings by uring_cmd.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

class Uring : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void SetUp() override { ASSERT_EQ(::io_uring_queue_init(512, &ring_, 0), 0); }
    void TearDown() override {
        ::io_uring_queue_exit(&ring_);
        drain(port_.get());
    }

    io_uring_sqe* sqe() { return ::io_uring_get_sqe(&ring_); }
    void submit(__u64 tag, io_uring_sqe* entry) {
        ::io_uring_sqe_set_data64(entry, tag);
        ASSERT_EQ(::io_uring_submit(&ring_), 1);
    }
    /// The next completion; res -ETIME when none comes.
    io_uring_cqe next(int seconds = deadline_seconds) {
        io_uring_cqe* entry = nullptr;
        __kernel_timespec time{seconds, 0};
        io_uring_cqe copy{};
        if (::io_uring_wait_cqe_timeout(&ring_, &entry, &time) != 0) {
            copy.res = -ETIME;
            return copy;
        }
        std::memcpy(&copy, entry, sizeof copy);
        ::io_uring_cqe_seen(&ring_, entry);
        return copy;
    }
    int command(__u32 operation, __u32 value = 0, __u32 mask = 0, __u32 reserved = 0) {
        const vs_uring_arg argument{value, mask, {reserved, 0}};
        auto* entry = sqe();
        ::io_uring_prep_rw(IORING_OP_URING_CMD, entry, port_.get(), nullptr, 0, 0);
        entry->cmd_op = operation;
        std::memcpy(entry->cmd, &argument, sizeof argument);
        submit(0, entry);
        return next().res;
    }

    static Module* module;
    io_uring ring_{};
    Fd port_ = open_port(0, O_NONBLOCK);
    std::array<char, 4096> buffer_{};
};
Module* Uring::module = nullptr;

TEST_F(Uring, PendingReadCompletesWhenBytesArrive) {
    auto* entry = sqe();
    ::io_uring_prep_read(entry, port_.get(), buffer_.data(), 100, 0);
    submit(1, entry);
    EXPECT_EQ(::io_uring_cq_ready(&ring_), 0u);

    ASSERT_EQ(::write(port_.get(), "hello", 5), 5);

    EXPECT_EQ(next().res, 5);
    EXPECT_EQ(std::string(buffer_.data(), 5), "hello");
}

TEST_F(Uring, PendingWriteCompletesWhenThereIsRoom) {
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    auto* entry = sqe();
    ::io_uring_prep_write(entry, port_.get(), "tail", 4, 0);
    submit(1, entry);
    EXPECT_EQ(::io_uring_cq_ready(&ring_), 0u);

    EXPECT_EQ(read_exactly(port_.get(), 4096).size(), 4096u);

    EXPECT_EQ(next().res, 4);
    EXPECT_EQ(read_exactly(port_.get(), 4), "tail");
}

TEST_F(Uring, VectoredReadFillsSegmentsInOrder) {
    const iovec pieces[] = {{buffer_.data(), 2}, {buffer_.data() + 10, 10}};
    auto* entry = sqe();
    ::io_uring_prep_readv(entry, port_.get(), pieces, 2, 0);
    submit(1, entry);

    ASSERT_EQ(::write(port_.get(), "abcd", 4), 4);

    EXPECT_EQ(next().res, 4);
    EXPECT_EQ(std::string(buffer_.data(), 2) + std::string(buffer_.data() + 10, 2), "abcd");
}

TEST_F(Uring, CancelledReadReportsEcanceledAndTakesNothing) {
    auto* entry = sqe();
    ::io_uring_prep_read(entry, port_.get(), buffer_.data(), 100, 0);
    submit(1, entry);
    entry = sqe();
    ::io_uring_prep_cancel64(entry, 1, 0);
    submit(2, entry);

    for (int i = 0; i < 2; ++i) {
        const auto completion = next();
        EXPECT_EQ(completion.res, completion.user_data == 1 ? -ECANCELED : 0);
    }
    ASSERT_EQ(::write(port_.get(), "kept", 4), 4);
    EXPECT_EQ(drain(port_.get()), "kept");
}

TEST_F(Uring, MultishotPollReportsEachArrival) {
    auto* entry = sqe();
    ::io_uring_prep_poll_multishot(entry, port_.get(), POLLIN);
    submit(1, entry);

    for (int round = 0; round < 3; ++round) {
        ASSERT_EQ(::write(port_.get(), "x", 1), 1);
        const auto completion = next();
        EXPECT_NE(completion.res & POLLIN, 0);
        EXPECT_NE(completion.flags & IORING_CQE_F_MORE, 0u);
        EXPECT_EQ(drain(port_.get()), "x");
    }
}

TEST_F(Uring, BlockingDescriptorMayGoToAWorkerAndStillCompletes) {
    const Fd blocking = open_port(0);
    auto* entry = sqe();
    ::io_uring_prep_read(entry, blocking.get(), buffer_.data(), 100, 0);
    entry->flags |= IOSQE_ASYNC;
    submit(1, entry);

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);

    EXPECT_EQ(next().res, 1);
}

TEST_F(Uring, ManyPendingReadsCostNoWorkerThreads) {
    const auto threads = [] {
        const std::filesystem::directory_iterator tasks{"/proc/self/task"};
        return std::distance(begin(tasks), end(tasks));
    };
    const auto before = threads();
    for (__u64 i = 0; i < 256; ++i) {
        auto* entry = sqe();
        ::io_uring_prep_read(entry, port_.get(), buffer_.data() + i, 1, 0);
        submit(i, entry);
    }

    EXPECT_EQ(threads(), before);

    ASSERT_TRUE(write_all(port_.get(), pattern(256)));
    for (int i = 0; i < 256; ++i) ASSERT_EQ(next().res, 1);
}

TEST_F(Uring, RingMayBeClosedWithReadsInFlight) {
    auto* entry = sqe();
    ::io_uring_prep_read(entry, port_.get(), buffer_.data(), 100, 0);
    submit(1, entry);

    ::io_uring_queue_exit(&ring_);
    ASSERT_EQ(::io_uring_queue_init(8, &ring_, 0), 0);

    // The kernel finishes with a closed ring a moment later; until then it may still take the bytes.
    EXPECT_TRUE(eventually([&] {
        const Fd probe = open_port(0, O_NONBLOCK);
        return ::write(probe.get(), "x", 1) == 1 && drain(probe.get()) == "x";
    }));
}

TEST_F(Uring, CommandsSetAndGetBaud) {
    EXPECT_EQ(command(VS_URING_SET_BAUD, 57600), 57600);
    EXPECT_EQ(command(VS_URING_GET_BAUD), 57600);
    __u32 baud = 0;
    ASSERT_EQ(::ioctl(port_.get(), VS_GET_BAUD, &baud), 0);
    EXPECT_EQ(baud, 57600u);
    EXPECT_EQ(command(VS_URING_SET_BAUD, 0), -EINVAL);
    EXPECT_EQ(command(VS_URING_SET_BAUD, 115200), 115200);
}

TEST_F(Uring, CommandsSetAndGetFormat) {
    const vs_ffmt format{7, VS_PARITY_EVEN, VS_STOP_BITS_2, 0};
    const auto packed = vs_ffmt_pack(format);

    EXPECT_EQ(command(VS_URING_SET_FFMT, packed), static_cast<int>(packed));
    EXPECT_EQ(command(VS_URING_GET_FFMT), static_cast<int>(packed));
    EXPECT_EQ(command(VS_URING_SET_FFMT, 0x01000008), -EINVAL);

    EXPECT_GT(command(VS_URING_SET_FFMT, vs_ffmt_pack({8, VS_PARITY_NONE, VS_STOP_BITS_1, 0})), 0);
}

TEST_F(Uring, CommandsCoverSignalsBreakFlushVersionAndCancel) {
    EXPECT_EQ(command(VS_URING_SET_SIGNALS, 0, VS_SIGNAL_DTR), 0);
    EXPECT_EQ(command(VS_URING_GET_SIGNALS) & static_cast<int>(VS_SIGNAL_DTR), 0);
    EXPECT_EQ(command(VS_URING_SET_SIGNALS, VS_SIGNAL_DTR, VS_SIGNAL_DTR), 0);
    EXPECT_EQ(command(VS_URING_SET_SIGNALS, VS_SIGNAL_CTS, VS_SIGNAL_CTS), -EINVAL);
    EXPECT_EQ(command(VS_URING_SEND_BREAK, 1), 0);
    ASSERT_EQ(::write(port_.get(), "x", 1), 1);
    EXPECT_EQ(command(VS_URING_FLUSH, VS_FLUSH_BOTH), 0);
    EXPECT_EQ(drain(port_.get()), "");
    EXPECT_EQ(command(VS_URING_GET_VERSION), static_cast<int>(VS_ABI_VERSION));
    EXPECT_EQ(command(VS_URING_CANCEL_ASYNC), 0);
}

TEST_F(Uring, CommandWithAResultKeepsTheLinkAndAFailedOneBreaksIt) {
    const auto link_result = [&](__u32 operation) {
        auto* first = sqe();
        ::io_uring_prep_rw(IORING_OP_URING_CMD, first, port_.get(), nullptr, 0, 0);
        first->cmd_op = operation;
        std::memset(first->cmd, 0, sizeof(vs_uring_arg));
        first->flags |= IOSQE_IO_LINK;
        ::io_uring_sqe_set_data64(first, 1);
        auto* second = sqe();
        ::io_uring_prep_nop(second);
        ::io_uring_sqe_set_data64(second, 2);
        EXPECT_EQ(::io_uring_submit(&ring_), 2);
        int result = 1;
        for (int i = 0; i < 2; ++i) {
            const auto completion = next();
            if (completion.user_data == 2) result = completion.res;
        }
        return result;
    };

    EXPECT_EQ(link_result(VS_URING_GET_BAUD), 0);
    EXPECT_EQ(link_result(VS_URING_SET_BAUD), -ECANCELED);  // 0 baud
}

TEST_F(Uring, UnknownCommandIsEnottyAndReservedFieldsMustBeZero) {
    EXPECT_EQ(command(0), -ENOTTY);
    EXPECT_EQ(command(12345), -ENOTTY);
    EXPECT_EQ(command(VS_URING_GET_BAUD, 0, 0, 1), -EINVAL);
    EXPECT_EQ(command(VS_URING_GET_BAUD, 0, 1), -EINVAL);
}

}  // namespace
}  // namespace vserd::kmodtest
