// io_submit: the submitter never waits, the event comes with the data, cancel works.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <array>
#include <deque>

#include "support/module.hpp"
#include "support/native_aio.hpp"
#include "support/unreadable.hpp"

namespace vserd::kmodtest {
namespace {

class NativeAio : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override {
        ::ioctl(port_.get(), VS_CANCEL_ASYNC);
        drain(nonblocking_.get());
    }
    /// The result of the only event that is due; -ETIME when none comes.
    long result() {
        const auto events = aio_.events(1, deadline_seconds);
        return events.size() == 1 ? static_cast<long>(events[0].res) : -ETIME;
    }
    bool nothing_yet() { return aio_.events(0, 0).empty(); }

    static Module* module;
    Fd nonblocking_ = open_port(0, O_NONBLOCK);
    Fd port_ = open_port(0);
    AioContext aio_;
    std::array<char, 8192> buffer_{};
};
Module* NativeAio::module = nullptr;

TEST_F(NativeAio, ReadOfEmptyRingCompletesWhenBytesArrive) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 100, 42);
    ASSERT_EQ(aio_.submit(request), 1);
    EXPECT_TRUE(nothing_yet());

    ASSERT_EQ(::write(nonblocking_.get(), "hello", 5), 5);
    const auto events = aio_.events(1, deadline_seconds);

    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].res, 5);
    EXPECT_EQ(events[0].data, 42u);
    EXPECT_EQ(std::string(buffer_.data(), 5), "hello");
}

TEST_F(NativeAio, ReadOfWaitingBytesCompletesAtOnce) {
    ASSERT_EQ(::write(nonblocking_.get(), "hello", 5), 5);
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 3);

    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(result(), 3);
    EXPECT_EQ(drain(nonblocking_.get()), "lo");
}

TEST_F(NativeAio, PendingReadsAreServedInOrderOfSubmission) {
    auto first = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 3, 1);
    auto second = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data() + 100, 100, 2);
    ASSERT_EQ(aio_.submit(first), 1);
    ASSERT_EQ(aio_.submit(second), 1);

    ASSERT_EQ(::write(nonblocking_.get(), "abcdef", 6), 6);
    const auto events = aio_.events(2, deadline_seconds);

    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].data, 1u);
    EXPECT_EQ(events[1].data, 2u);
    EXPECT_EQ(std::string(buffer_.data(), 3), "abc");
    EXPECT_EQ(std::string(buffer_.data() + 100, 3), "def");
}

TEST_F(NativeAio, SynchronousReadDoesNotOvertakePendingOnes) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10);
    ASSERT_EQ(aio_.submit(request), 1);

    ASSERT_EQ(::write(nonblocking_.get(), "abc", 3), 3);

    EXPECT_EQ(drain(nonblocking_.get()), "");
    EXPECT_EQ(result(), 3);
}

TEST_F(NativeAio, VectoredReadIsOneRequestFilledInOrder) {
    const iovec pieces[] = {{buffer_.data(), 2}, {nullptr, 0}, {buffer_.data() + 100, 3}, {buffer_.data() + 200, 50}};
    auto request = aio_request(IOCB_CMD_PREADV, port_.get(), pieces, 4);
    ASSERT_EQ(aio_.submit(request), 1);

    ASSERT_EQ(::write(nonblocking_.get(), "abcdefgh", 8), 8);

    EXPECT_EQ(result(), 8);
    EXPECT_EQ(std::string(buffer_.data(), 2), "ab");
    EXPECT_EQ(std::string(buffer_.data() + 100, 3), "cde");
    EXPECT_EQ(std::string(buffer_.data() + 200, 3), "fgh");
}

TEST_F(NativeAio, BufferAcrossPagesIsFilledWhole) {
    auto* memory =
        static_cast<char*>(::mmap(nullptr, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), memory + 4000, 4096);
    ASSERT_EQ(aio_.submit(request), 1);

    const auto sent = pattern(4096);
    ASSERT_TRUE(write_all(nonblocking_.get(), sent));

    EXPECT_EQ(result(), 4096);
    EXPECT_EQ(std::string(memory + 4000, 4096), sent);
    ::munmap(memory, 16384);
}

TEST_F(NativeAio, WriteToFullRingCompletesWhenAllIsTaken) {
    ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4096)));
    const auto sent = pattern(300, 7);
    auto request = aio_request(IOCB_CMD_PWRITE, port_.get(), sent.data(), sent.size());
    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(read_exactly(nonblocking_.get(), 100).size(), 100u);
    EXPECT_TRUE(nothing_yet());
    EXPECT_EQ(read_exactly(nonblocking_.get(), 3996).size(), 3996u);

    EXPECT_EQ(result(), 300);
    EXPECT_EQ(read_exactly(nonblocking_.get(), 300), sent);
}

TEST_F(NativeAio, WriteThatFitsInPartIsWholeBeforeTheNextBegins) {
    const auto before = pattern(4086);
    ASSERT_TRUE(write_all(nonblocking_.get(), before));
    const auto one = pattern(4096, 5);
    const auto two = pattern(100, 6);
    auto first = aio_request(IOCB_CMD_PWRITE, port_.get(), one.data(), one.size(), 1);
    auto second = aio_request(IOCB_CMD_PWRITE, port_.get(), two.data(), two.size(), 2);
    ASSERT_EQ(aio_.submit(first), 1);
    ASSERT_EQ(aio_.submit(second), 1);

    EXPECT_TRUE(nothing_yet());
    EXPECT_EQ(read_exactly(nonblocking_.get(), 4086), before);
    EXPECT_EQ(read_exactly(nonblocking_.get(), 4096), one);
    EXPECT_EQ(read_exactly(nonblocking_.get(), 100), two);

    const auto events = aio_.events(2, deadline_seconds);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].data, 1u);
    EXPECT_EQ(events[0].res, 4096);
    EXPECT_EQ(events[1].data, 2u);
    EXPECT_EQ(events[1].res, 100);
}

TEST_F(NativeAio, OfAWriteAtMostOneRingWaits) {
    ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4086)));
    const auto sent = pattern(3 * 4096, 5);
    auto request = aio_request(IOCB_CMD_PWRITE, port_.get(), sent.data(), sent.size());
    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(read_exactly(nonblocking_.get(), 4086).size(), 4086u);

    EXPECT_EQ(read_exactly(nonblocking_.get(), 10 + 4096), sent.substr(0, 10 + 4096));
    EXPECT_EQ(result(), 10 + 4096);
    EXPECT_EQ(drain(nonblocking_.get()), "");
}

TEST_F(NativeAio, WriteThatMayNotWaitReportsWhatFitted) {
    auto not_blocking = aio_request(IOCB_CMD_PWRITE, nonblocking_.get(), buffer_.data(), 100);
    auto no_wait = aio_request(IOCB_CMD_PWRITE, port_.get(), buffer_.data(), 100);
    no_wait.aio_rw_flags = RWF_NOWAIT;
    for (auto* request : {&not_blocking, &no_wait}) {
        ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4086)));

        ASSERT_EQ(aio_.submit(*request), 1);

        EXPECT_EQ(result(), 10);
        EXPECT_EQ(drain(nonblocking_.get()).size(), 4096u);
    }
}

TEST_F(NativeAio, VectoredWriteIsOneRequest) {
    ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4096)));
    const std::string words = "onetwothree";
    const iovec pieces[] = {{const_cast<char*>(words.data()), 3},
                            {const_cast<char*>(words.data()) + 3, 3},
                            {const_cast<char*>(words.data()) + 6, 5}};
    auto request = aio_request(IOCB_CMD_PWRITEV, port_.get(), pieces, 3);
    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(read_exactly(nonblocking_.get(), 4096).size(), 4096u);

    EXPECT_EQ(result(), 11);
    EXPECT_EQ(read_exactly(nonblocking_.get(), 11), words);
}

TEST_F(NativeAio, CancelledReadReportsEcanceledAndTakesNothing) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 100);
    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(aio_.cancel(request), -EINPROGRESS);

    EXPECT_EQ(result(), -ECANCELED);
    ASSERT_EQ(::write(nonblocking_.get(), "kept", 4), 4);
    EXPECT_EQ(drain(nonblocking_.get()), "kept");
}

TEST_F(NativeAio, CancelAfterCompletionIsRefused) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 100);
    ASSERT_EQ(aio_.submit(request), 1);
    ASSERT_EQ(::write(nonblocking_.get(), "x", 1), 1);
    ASSERT_EQ(result(), 1);

    EXPECT_EQ(aio_.cancel(request), -EINVAL);
}

TEST_F(NativeAio, CancelledWriteReportsTheBytesThatWereTaken) {
    ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4096)));
    const auto sent = pattern(300, 7);
    auto request = aio_request(IOCB_CMD_PWRITE, port_.get(), sent.data(), sent.size());
    ASSERT_EQ(aio_.submit(request), 1);
    ASSERT_EQ(read_exactly(nonblocking_.get(), 100).size(), 100u);

    EXPECT_EQ(aio_.cancel(request), -EINPROGRESS);

    EXPECT_EQ(result(), 100);
    EXPECT_EQ(drain(nonblocking_.get()).substr(3996), sent.substr(0, 100));
}

TEST_F(NativeAio, CancelledWriteCountsWhatFittedAtOnce) {
    ASSERT_TRUE(write_all(nonblocking_.get(), pattern(4086)));
    auto request = aio_request(IOCB_CMD_PWRITE, port_.get(), buffer_.data(), 100);
    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(aio_.cancel(request), -EINPROGRESS);

    EXPECT_EQ(result(), 10);
}

TEST_F(NativeAio, CancelAsyncEndsTheRequestsOfThatDescriptorOnly) {
    const Fd other = open_port(0);
    auto mine = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10, 1);
    auto mine_too = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data() + 10, 10, 1);
    auto theirs = aio_request(IOCB_CMD_PREAD, other.get(), buffer_.data() + 20, 10, 2);
    ASSERT_EQ(aio_.submit(mine), 1);
    ASSERT_EQ(aio_.submit(mine_too), 1);
    ASSERT_EQ(aio_.submit(theirs), 1);

    EXPECT_EQ(::ioctl(port_.get(), VS_CANCEL_ASYNC), 2);
    const auto events = aio_.events(2, deadline_seconds);

    ASSERT_EQ(events.size(), 2u);
    for (const auto& event : events) {
        EXPECT_EQ(event.data, 1u);
        EXPECT_EQ(event.res, -ECANCELED);
    }
    ASSERT_EQ(::write(nonblocking_.get(), "x", 1), 1);
    EXPECT_EQ(result(), 1);
}

TEST_F(NativeAio, CloseLeavesRequestsInFlightToComplete) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10);
    ASSERT_EQ(aio_.submit(request), 1);

    port_.reset();
    ASSERT_EQ(::write(nonblocking_.get(), "late", 4), 4);

    EXPECT_EQ(result(), 4);
    EXPECT_EQ(std::string(buffer_.data(), 4), "late");
    port_ = open_port(0);
}

TEST_F(NativeAio, DestroyingTheContextCancelsWhatIsPending) {
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10);
    ASSERT_EQ(aio_.submit(request), 1);

    aio_.destroy();

    ASSERT_EQ(::write(nonblocking_.get(), "kept", 4), 4);
    EXPECT_EQ(drain(nonblocking_.get()), "kept");
}

TEST_F(NativeAio, ProcessMayDieWithRequestsInFlight) {
    const pid_t child = ::fork();
    if (child == 0) {
        AioContext own;
        auto in = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10);
        ::_exit(own.submit(in) == 1 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_EQ(status, 0);
    ASSERT_EQ(::write(nonblocking_.get(), "kept", 4), 4);
    EXPECT_EQ(drain(nonblocking_.get()), "kept");
}

TEST_F(NativeAio, NonBlockingDescriptorGivesEagain) {
    auto request = aio_request(IOCB_CMD_PREAD, nonblocking_.get(), buffer_.data(), 10);

    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(result(), -EAGAIN);
}

TEST_F(NativeAio, BadBufferIsEfault) {
    const Unreadable memory;
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), memory.hole(), 10);

    ASSERT_EQ(aio_.submit(request), 1);

    EXPECT_EQ(result(), -EFAULT);
}

TEST_F(NativeAio, BufferThatEndsStopsTheRequestAtTheRightByte) {
    const Unreadable memory;
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), memory.before_hole(5), 10);
    ASSERT_EQ(aio_.submit(request), 1);

    ASSERT_EQ(::write(nonblocking_.get(), "abcdefgh", 8), 8);

    EXPECT_EQ(result(), 5);
    EXPECT_EQ(std::string(memory.before_hole(5), 5), "abcde");
    EXPECT_EQ(drain(nonblocking_.get()), "fgh");
}

TEST_F(NativeAio, BuffersThatEndHoldNoPageOnceTheyAreDone) {
    const Unreadable memory;
    for (int i = 0; i < 4200; ++i) {
        auto request = aio_request(IOCB_CMD_PREAD, port_.get(), memory.before_hole(1), 2);
        ASSERT_EQ(aio_.submit(request), 1);
        if (i % 2 == 0) {
            ASSERT_EQ(::ioctl(port_.get(), VS_CANCEL_ASYNC), 1) << "request " << i << ": " << result();
            ASSERT_EQ(result(), -ECANCELED);
        } else {
            ASSERT_EQ(::write(nonblocking_.get(), "x", 1), 1);
            ASSERT_EQ(result(), 1);
        }
    }

    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 10);
    ASSERT_EQ(aio_.submit(request), 1);
    EXPECT_TRUE(nothing_yet());
    ASSERT_EQ(::write(nonblocking_.get(), "fits", 4), 4);
    EXPECT_EQ(result(), 4);
}

TEST_F(NativeAio, BufferInSharedMemoryMayWait) {
    const Fd memory{::memfd_create("vser", 0)};
    ASSERT_EQ(::ftruncate(memory.get(), 4096), 0);
    auto* mapped = static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0));
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), mapped + 10, 10);
    ASSERT_EQ(aio_.submit(request), 1);

    ASSERT_EQ(::write(nonblocking_.get(), "shared", 6), 6);

    EXPECT_EQ(result(), 6);
    char got[6] = {};
    EXPECT_EQ(::pread(memory.get(), got, 6, 10), 6);
    EXPECT_EQ(std::string(got, 6), "shared");
    ::munmap(mapped, 4096);
}

TEST_F(NativeAio, PollRequestCompletesOnArrival) {
    auto request = aio_request(IOCB_CMD_POLL, port_.get(), nullptr, 0);
    request.aio_buf = POLLIN;
    ASSERT_EQ(aio_.submit(request), 1);
    EXPECT_TRUE(nothing_yet());

    ASSERT_EQ(::write(nonblocking_.get(), "x", 1), 1);

    EXPECT_NE(result() & POLLIN, 0);
}

TEST_F(NativeAio, PendingRequestsAreBounded) {
    AioContext many{2048};
    std::deque<iocb> requests;
    int accepted = 0;
    for (int i = 0; i < 2000; ++i) {
        requests.push_back(aio_request(IOCB_CMD_PREAD, port_.get(), buffer_.data(), 1));
        ASSERT_EQ(many.submit(requests.back()), 1);
        const auto events = many.events(0, 0);
        if (!events.empty()) {
            EXPECT_EQ(events[0].res, -EAGAIN);
            break;
        }
        ++accepted;
    }

    EXPECT_EQ(accepted, 1024);
    EXPECT_EQ(::ioctl(port_.get(), VS_CANCEL_ASYNC), 1024);
}

}  // namespace
}  // namespace vserd::kmodtest
