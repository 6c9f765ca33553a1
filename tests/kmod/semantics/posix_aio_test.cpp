// POSIX AIO as glibc does it, with helper threads: aio_read, aio_write, lio_listio and both kinds of notification.
#include <aio.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

class PosixAio : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    aiocb request(int fd, void* buffer, std::size_t size) {
        aiocb block{};
        block.aio_fildes = fd;
        block.aio_buf = buffer;
        block.aio_nbytes = size;
        block.aio_sigevent.sigev_notify = SIGEV_NONE;
        return block;
    }
    /// aio_return once it is done.
    ssize_t finish(aiocb& block) {
        const aiocb* list[] = {&block};
        const timespec time{deadline_seconds, 0};
        while (::aio_error(&block) == EINPROGRESS && ::aio_suspend(list, 1, &time) == 0) continue;
        return ::aio_return(&block);
    }

    static Module* module;
    Fd port_ = open_port(0);
    Fd second_ = open_port(0);  // glibc serves one request of a descriptor at a time
    std::array<char, 64> buffer_{};
};
Module* PosixAio::module = nullptr;

TEST_F(PosixAio, PendingReadCompletesWithTheBytesOfAnAioWrite) {
    char out[] = "hello";
    auto reading = request(port_.get(), buffer_.data(), buffer_.size());
    auto writing = request(second_.get(), out, 5);
    ASSERT_EQ(::aio_read(&reading), 0);
    EXPECT_EQ(::aio_error(&reading), EINPROGRESS);

    ASSERT_EQ(::aio_write(&writing), 0);

    EXPECT_EQ(finish(writing), 5);
    EXPECT_EQ(finish(reading), 5);
    EXPECT_EQ(std::string(buffer_.data(), 5), "hello");
}

TEST_F(PosixAio, CompletionCallsBackOnAThread) {
    std::atomic<int> called = 0;
    auto reading = request(port_.get(), buffer_.data(), buffer_.size());
    reading.aio_sigevent.sigev_notify = SIGEV_THREAD;
    reading.aio_sigevent.sigev_value.sival_ptr = &called;
    reading.aio_sigevent.sigev_notify_function = [](sigval value) {
        ++*static_cast<std::atomic<int>*>(value.sival_ptr);
    };
    ASSERT_EQ(::aio_read(&reading), 0);
    EXPECT_EQ(called, 0);

    ASSERT_EQ(::write(second_.get(), "x", 1), 1);

    EXPECT_TRUE(eventually([&] { return called == 1; }));
    EXPECT_EQ(finish(reading), 1);
}

TEST_F(PosixAio, CompletionSendsASignalWithItsValue) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGRTMIN + 2);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    auto reading = request(port_.get(), buffer_.data(), buffer_.size());
    reading.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    reading.aio_sigevent.sigev_signo = SIGRTMIN + 2;
    reading.aio_sigevent.sigev_value.sival_int = 77;
    ASSERT_EQ(::aio_read(&reading), 0);

    ASSERT_EQ(::write(second_.get(), "x", 1), 1);
    siginfo_t info{};
    const timespec time{deadline_seconds, 0};

    EXPECT_EQ(::sigtimedwait(&set, &info, &time), SIGRTMIN + 2);
    EXPECT_EQ(info.si_value.sival_int, 77);
    EXPECT_EQ(finish(reading), 1);
}

TEST_F(PosixAio, ListOfRequestsOnSeveralPortsCompletesAsOne) {
    constexpr int ports = 3;
    std::array<Fd, ports> readers;
    std::array<std::array<char, 8>, ports> in{};
    std::array<std::array<char, 2>, ports> out{};
    std::array<aiocb, 2 * ports> blocks{};
    std::array<aiocb*, 2 * ports> list{};
    std::array<Fd, ports> writers;
    for (std::size_t i = 0; i < ports; ++i) {
        readers[i] = open_port(static_cast<int>(i));
        writers[i] = open_port(static_cast<int>(i));
        out[i] = {static_cast<char>('a' + i), static_cast<char>('A' + i)};
        blocks[i] = request(readers[i].get(), in[i].data(), 2);
        blocks[i].aio_lio_opcode = LIO_READ;
        blocks[ports + i] = request(writers[i].get(), out[i].data(), 2);
        blocks[ports + i].aio_lio_opcode = LIO_WRITE;
    }
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = &blocks[i];

    ASSERT_EQ(::lio_listio(LIO_WAIT, list.data(), static_cast<int>(list.size()), nullptr), 0);

    for (std::size_t i = 0; i < ports; ++i) {
        EXPECT_EQ(::aio_return(&blocks[i]), 2);
        EXPECT_EQ(std::string(in[i].data(), 2), std::string(out[i].data(), 2));
    }
}

TEST_F(PosixAio, ListWithoutWaitingNotifiesAtItsEnd) {
    std::atomic<int> called = 0;
    char out[] = "z";
    auto reading = request(port_.get(), buffer_.data(), 1);
    reading.aio_lio_opcode = LIO_READ;
    auto writing = request(second_.get(), out, 1);
    writing.aio_lio_opcode = LIO_WRITE;
    aiocb* list[] = {&reading, &writing};
    sigevent at_end{};
    at_end.sigev_notify = SIGEV_THREAD;
    at_end.sigev_value.sival_ptr = &called;
    at_end.sigev_notify_function = [](sigval value) { ++*static_cast<std::atomic<int>*>(value.sival_ptr); };

    ASSERT_EQ(::lio_listio(LIO_NOWAIT, list, 2, &at_end), 0);

    EXPECT_TRUE(eventually([&] { return called == 1; }));
    EXPECT_EQ(::aio_return(&reading), 1);
    EXPECT_EQ(::aio_return(&writing), 1);
    EXPECT_EQ(buffer_[0], 'z');
}

}  // namespace
}  // namespace vserd::kmodtest
