// Several writers at one port: what one call writes arrives in one piece.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

constexpr std::size_t fifo_bytes = 64;

class Writers : public testing::Test {
protected:
    void TearDown() override {
        ::ioctl(blocking_.get(), VS_CANCEL_ASYNC);
        drain(nonblocking_.get());
    }
    /// Fills the ring but for so many bytes.
    void leave_room(std::size_t bytes) {
        ASSERT_TRUE(write_all(nonblocking_.get(), std::string(fifo_bytes - bytes, '.')));
    }

    Module module_{"pacing=0 ports=1 fifo_bytes=64"};
    Fd nonblocking_ = open_port(0, O_NONBLOCK);
    Fd blocking_ = open_port(0);
    AioContext aio_;
};

/// A thread that writes and has gone to sleep in it.
class BlockedWriter {
public:
    BlockedWriter(int fd, std::string data) : data_(std::move(data)) {
        thread_ = std::thread{[this, fd] {
            id_ = thread_id();
            result_ = ::write(fd, data_.data(), data_.size());
        }};
        EXPECT_TRUE(eventually([this] { return id_ != 0; }));
        EXPECT_TRUE(blocked(id_));
    }
    void interrupt() { ::pthread_kill(thread_.native_handle(), SIGUSR1); }
    ssize_t join() {
        thread_.join();
        return result_;
    }

private:
    std::string data_;
    std::atomic<pid_t> id_ = 0;
    ssize_t result_ = 0;
    std::thread thread_;
};

TEST_F(Writers, RecordsOfBlockingWritersAreNotTorn) {
    constexpr std::size_t writers = 4;
    constexpr std::size_t records_each = 200;
    constexpr std::size_t record = 10;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < writers; ++i) {
        threads.emplace_back([&, i] {
            const std::string text(record, static_cast<char>('a' + i));
            for (std::size_t n = 0; n < records_each; ++n) {
                if (::write(blocking_.get(), text.data(), record) != static_cast<ssize_t>(record)) break;
            }
        });
    }

    const auto heard = read_exactly(nonblocking_.get(), writers * records_each * record);
    for (auto& thread : threads) thread.join();

    ASSERT_EQ(heard.size(), writers * records_each * record);
    std::size_t torn = 0;
    for (std::size_t at = 0; at < heard.size(); at += record)
        torn += heard.substr(at, record) != std::string(record, heard[at]);
    EXPECT_EQ(torn, 0u);
}

TEST_F(Writers, VectoredRecordsAreNotTornByNonBlockingWriters) {
    std::atomic<bool> stop = false;
    std::thread other{[&] {
        while (!stop) {
            // Whole or not at all, or the test would not know what a torn record is.
            if (::write(nonblocking_.get(), "b", 1) != 1) std::this_thread::yield();
        }
    }};
    std::string heard;
    std::thread reader{[&] {
        char buffer[7];
        for (ssize_t count = 0; !stop || count > 0;) {
            wait_events(nonblocking_.get(), POLLIN, 1);
            count = ::read(nonblocking_.get(), buffer, sizeof buffer);
            if (count > 0) heard.append(buffer, static_cast<std::size_t>(count));
        }
    }};
    std::string text = "aaaaaaaaaa";
    const iovec pieces[] = {{text.data(), 3}, {text.data(), 1}, {text.data(), 6}};
    for (int i = 0; i < 200; ++i) EXPECT_EQ(::writev(blocking_.get(), pieces, 3), 10);
    stop = true;
    other.join();
    reader.join();

    std::size_t run = 0;
    std::size_t torn = 0;
    for (const char byte : heard + "b") {
        torn += byte == 'b' && run % 10 != 0;
        run = byte == 'b' ? 0 : run + 1;
    }
    EXPECT_EQ(torn, 0u);
}

TEST_F(Writers, AioWriteWaitsBehindTheRestOfABlockedWrite) {
    leave_room(4);
    BlockedWriter writer{blocking_.get(), std::string(20, 'a')};
    const std::string late(10, 'b');
    auto request = aio_request(IOCB_CMD_PWRITE, blocking_.get(), late.data(), late.size());
    ASSERT_EQ(aio_.submit(request), 1);

    const auto heard = read_exactly(nonblocking_.get(), fifo_bytes - 4 + 30);

    EXPECT_EQ(heard.substr(fifo_bytes - 4), std::string(20, 'a') + late);
    EXPECT_EQ(writer.join(), 20);
    EXPECT_EQ(aio_.events(1, deadline_seconds).size(), 1u);
}

TEST_F(Writers, AioWriteIsServedWhenTheBlockedWriteBeforeItIsInterrupted) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    leave_room(4);
    BlockedWriter writer{blocking_.get(), std::string(20, 'a')};
    auto request = aio_request(IOCB_CMD_PWRITE, blocking_.get(), "bb", 2);
    ASSERT_EQ(aio_.submit(request), 1);

    writer.interrupt();

    EXPECT_EQ(writer.join(), 4);
    EXPECT_EQ(read_exactly(nonblocking_.get(), fifo_bytes + 2).substr(fifo_bytes - 4), "aaaabb");
    EXPECT_EQ(aio_.events(1, deadline_seconds).size(), 1u);
}

TEST_F(Writers, BlockedWriteWaitsForTheRequestsBeforeIt) {
    leave_room(4);
    const std::string early(20, 'a');
    auto request = aio_request(IOCB_CMD_PWRITE, blocking_.get(), early.data(), early.size());
    ASSERT_EQ(aio_.submit(request), 1);
    BlockedWriter writer{blocking_.get(), std::string(20, 'b')};

    const auto heard = read_exactly(nonblocking_.get(), fifo_bytes - 4 + 40);

    EXPECT_EQ(heard.substr(fifo_bytes - 4), early + std::string(20, 'b'));
    EXPECT_EQ(writer.join(), 20);
}

// Between the room and the end of the write before it, a write that may not wait is refused. It must learn of the end.
TEST_F(Writers, RefusedWriterIsWokenWhenTheWriteBeforeItEnds) {
    const Fd set{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLET;
    for (int round = 0; round < 20; ++round) {
        leave_room(4);
        BlockedWriter writer{blocking_.get(), std::string(40, 'a')};
        ASSERT_EQ(::epoll_ctl(set.get(), EPOLL_CTL_ADD, nonblocking_.get(), &event), 0);
        ASSERT_EQ(::write(nonblocking_.get(), "b", 1), -1);
        std::thread reader{
            [&] { EXPECT_EQ(read_exactly(nonblocking_.get(), fifo_bytes + 36).size(), fifo_bytes + 36); }};

        ssize_t written = -1;
        while (written != 1 && ::epoll_wait(set.get(), &event, 1, deadline_seconds * 1000) == 1) {
            written = ::write(nonblocking_.get(), "b", 1);
        }

        EXPECT_EQ(written, 1) << "round " << round;
        EXPECT_EQ(writer.join(), 40);
        reader.join();
        EXPECT_EQ(read_exactly(nonblocking_.get(), 1), "b");
        event.events = EPOLLOUT | EPOLLET;
        ASSERT_EQ(::epoll_ctl(set.get(), EPOLL_CTL_DEL, nonblocking_.get(), nullptr), 0);
    }
}

TEST_F(Writers, WriterThatWaitsForAnotherIsEndedByASignal) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    leave_room(0);
    BlockedWriter first{blocking_.get(), "a"};
    BlockedWriter second{blocking_.get(), "b"};

    second.interrupt();

    EXPECT_EQ(second.join(), -1);
    drain(nonblocking_.get());
    EXPECT_EQ(first.join(), 1);
}

}  // namespace
}  // namespace vserd::kmodtest
