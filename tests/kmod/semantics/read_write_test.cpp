// Blocking, non-blocking and vectored reads and writes, and what bad user memory does to them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "support/module.hpp"
#include "support/unreadable.hpp"

namespace vserd::kmodtest {
namespace {

constexpr std::size_t fifo_bytes = 4096;

class ReadWrite : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override { drain(nonblocking_.get()); }

    static Module* module;
    Fd nonblocking_ = open_port(0, O_NONBLOCK);
    Fd blocking_ = open_port(0);
};
Module* ReadWrite::module = nullptr;

void interrupt_calls_of_this_process() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
}

TEST_F(ReadWrite, BytesComeBackInOrder) {
    const auto sent = pattern(3000);

    ASSERT_EQ(::write(blocking_.get(), sent.data(), sent.size()), 3000);

    std::string got(4000, '\0');
    ASSERT_EQ(::read(blocking_.get(), got.data(), got.size()), 3000);
    got.resize(3000);
    EXPECT_EQ(got, sent);
}

TEST_F(ReadWrite, EverySizeAroundTheRingsEdgeSurvives) {
    for (const std::size_t shift : {0u, 1u, 4095u}) {
        ASSERT_TRUE(write_all(blocking_.get(), pattern(shift)));
        ASSERT_EQ(read_exactly(blocking_.get(), shift).size(), shift);
        for (const std::size_t size : {1u, 2u, 4094u, 4095u, 4096u}) {
            const auto sent = pattern(size, static_cast<unsigned>(size));
            ASSERT_EQ(::write(nonblocking_.get(), sent.data(), size), static_cast<ssize_t>(size));
            EXPECT_EQ(drain(nonblocking_.get()), sent) << size << " after " << shift;
        }
    }
}

TEST_F(ReadWrite, EmptyRingGivesEagainToNonBlockingReaders) {
    char byte = 0;

    EXPECT_EQ(::read(nonblocking_.get(), &byte, 1), -1);

    EXPECT_EQ(errno, EAGAIN);
}

TEST_F(ReadWrite, RwfNowaitGivesEagainOnBlockingDescriptor) {
    char byte = 'x';
    iovec piece{&byte, 1};

    EXPECT_EQ(::preadv2(blocking_.get(), &piece, 1, -1, RWF_NOWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);

    EXPECT_EQ(::pwritev2(blocking_.get(), &piece, 1, -1, RWF_NOWAIT), 1);
    EXPECT_EQ(::preadv2(blocking_.get(), &piece, 1, -1, RWF_NOWAIT), 1);
}

TEST_F(ReadWrite, FullRingGivesShortCountThenEagain) {
    const auto sent = pattern(fifo_bytes + 100);

    EXPECT_EQ(::write(nonblocking_.get(), sent.data(), sent.size()), static_cast<ssize_t>(fifo_bytes));
    EXPECT_EQ(::write(nonblocking_.get(), sent.data(), 1), -1);
    EXPECT_EQ(errno, EAGAIN);

    EXPECT_EQ(drain(nonblocking_.get()), sent.substr(0, fifo_bytes));
}

TEST_F(ReadWrite, ZeroBytesAreZeroBytes) {
    EXPECT_EQ(::read(blocking_.get(), nullptr, 0), 0);
    EXPECT_EQ(::write(blocking_.get(), nullptr, 0), 0);
}

TEST_F(ReadWrite, ReadBlocksUntilBytesArrive) {
    std::atomic<pid_t> reader_id = 0;
    std::string got(16, '\0');
    std::thread reader{[&] {
        reader_id = thread_id();
        got.resize(static_cast<std::size_t>(::read(blocking_.get(), got.data(), got.size())));
    }};
    ASSERT_TRUE(eventually([&] { return reader_id != 0; }));
    EXPECT_TRUE(blocked(reader_id));

    ASSERT_EQ(::write(nonblocking_.get(), "now", 3), 3);
    reader.join();

    EXPECT_EQ(got, "now");
}

TEST_F(ReadWrite, WriteBlocksUntilEverythingIsTaken) {
    const auto sent = pattern(3 * fifo_bytes + 7);
    std::atomic<pid_t> writer_id = 0;
    ssize_t written = 0;
    std::thread writer{[&] {
        writer_id = thread_id();
        written = ::write(blocking_.get(), sent.data(), sent.size());
    }};
    ASSERT_TRUE(eventually([&] { return writer_id != 0; }));
    EXPECT_TRUE(blocked(writer_id));

    const auto got = read_exactly(nonblocking_.get(), sent.size());
    writer.join();

    EXPECT_EQ(written, static_cast<ssize_t>(sent.size()));
    EXPECT_EQ(got, sent);
}

TEST_F(ReadWrite, SignalEndsBlockedReadWithEintr) {
    interrupt_calls_of_this_process();
    std::atomic<pid_t> reader_id = 0;
    ssize_t result = 0;
    int error = 0;
    std::thread reader{[&] {
        reader_id = thread_id();
        char byte = 0;
        result = ::read(blocking_.get(), &byte, 1);
        error = errno;
    }};
    ASSERT_TRUE(eventually([&] { return reader_id != 0; }));
    ASSERT_TRUE(blocked(reader_id));

    ::pthread_kill(reader.native_handle(), SIGUSR1);
    reader.join();

    EXPECT_EQ(result, -1);
    EXPECT_EQ(error, EINTR);
}

TEST_F(ReadWrite, SignalEndsBlockedWriteWithTheCountThatWasTaken) {
    interrupt_calls_of_this_process();
    const auto sent = pattern(fifo_bytes + 10);
    std::atomic<pid_t> writer_id = 0;
    ssize_t result = 0;
    std::thread writer{[&] {
        writer_id = thread_id();
        result = ::write(blocking_.get(), sent.data(), sent.size());
    }};
    ASSERT_TRUE(eventually([&] { return writer_id != 0; }));
    ASSERT_TRUE(blocked(writer_id));

    ::pthread_kill(writer.native_handle(), SIGUSR1);
    writer.join();

    EXPECT_EQ(result, static_cast<ssize_t>(fifo_bytes));
    EXPECT_EQ(drain(nonblocking_.get()), sent.substr(0, fifo_bytes));
}

TEST_F(ReadWrite, VectorsAreFilledInOrder) {
    std::array<char, 3> first{};
    std::array<char, 1> second{};
    std::array<char, 8> third{};
    const std::string sent = "abcdefgh";
    const iovec out[] = {{const_cast<char*>(sent.data()), 5}, {nullptr, 0}, {const_cast<char*>(sent.data()) + 5, 3}};
    const iovec in[] = {{first.data(), first.size()}, {second.data(), 1}, {nullptr, 0}, {third.data(), third.size()}};

    ASSERT_EQ(::writev(blocking_.get(), out, 3), 8);
    ASSERT_EQ(::readv(blocking_.get(), in, 4), 8);

    EXPECT_EQ(std::string(first.data(), 3) + std::string(second.data(), 1) + std::string(third.data(), 4), sent);
}

TEST_F(ReadWrite, BadPointerAloneIsEfaultAndLosesNothing) {
    const Unreadable memory;
    ASSERT_EQ(::write(blocking_.get(), "abc", 3), 3);

    EXPECT_EQ(::read(blocking_.get(), memory.hole(), 3), -1);
    EXPECT_EQ(errno, EFAULT);
    EXPECT_EQ(::write(blocking_.get(), memory.hole(), 3), -1);
    EXPECT_EQ(errno, EFAULT);

    EXPECT_EQ(drain(nonblocking_.get()), "abc");
}

TEST_F(ReadWrite, ReadIntoMemoryThatEndsStopsAtTheRightByte) {
    const Unreadable memory;
    const auto sent = pattern(100);
    ASSERT_EQ(::write(blocking_.get(), sent.data(), sent.size()), 100);

    ASSERT_EQ(::read(blocking_.get(), memory.before_hole(37), 100), 37);

    EXPECT_EQ(std::string(memory.before_hole(37), 37), sent.substr(0, 37));
    EXPECT_EQ(drain(nonblocking_.get()), sent.substr(37));
}

TEST_F(ReadWrite, WriteFromMemoryThatEndsStopsAtTheRightByte) {
    const Unreadable memory;
    const auto sent = pattern(41);
    sent.copy(memory.before_hole(41), 41);

    EXPECT_EQ(::write(blocking_.get(), memory.before_hole(41), 100), 41);

    EXPECT_EQ(drain(nonblocking_.get()), sent);
}

TEST_F(ReadWrite, BadSegmentInTheMiddleEndsTheVectorBeforeIt) {
    const Unreadable memory;
    std::array<char, 4> first{};
    std::array<char, 4> last{};
    const iovec pieces[] = {{first.data(), 4}, {memory.hole(), 4}, {last.data(), 4}};
    ASSERT_EQ(::write(blocking_.get(), "abcdefghijkl", 12), 12);

    EXPECT_EQ(::readv(blocking_.get(), pieces, 3), 4);

    EXPECT_EQ(std::string(first.data(), 4), "abcd");
    EXPECT_EQ(std::string(last.data(), 4), std::string(4, '\0'));
    EXPECT_EQ(drain(nonblocking_.get()), "efghijkl");
}

TEST_F(ReadWrite, MemoryThatIsNotYetThereIsBroughtIn) {
    auto* fresh =
        static_cast<char*>(::mmap(nullptr, 2 * fifo_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(fresh, MAP_FAILED);
    const auto sent = pattern(fifo_bytes);
    ASSERT_TRUE(write_all(blocking_.get(), sent));

    EXPECT_EQ(::read(blocking_.get(), fresh + 100, fifo_bytes), static_cast<ssize_t>(fifo_bytes));

    EXPECT_EQ(std::string(fresh + 100, fifo_bytes), sent);
    ::munmap(fresh, 2 * fifo_bytes);
}

TEST_F(ReadWrite, TwoBlockedReadersAreBothServed) {
    std::array<std::atomic<pid_t>, 2> ids{};
    std::array<ssize_t, 2> counts{};
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < 2; ++i) {
        readers.emplace_back([&, i] {
            char byte = 0;
            ids[i] = thread_id();
            counts[i] = ::read(blocking_.get(), &byte, 1);
        });
    }
    for (auto& id : ids) {
        ASSERT_TRUE(eventually([&] { return id != 0; }));
        ASSERT_TRUE(blocked(id));
    }

    EXPECT_EQ(::write(nonblocking_.get(), "ab", 2), 2);
    for (auto& reader : readers) reader.join();

    EXPECT_EQ(counts[0], 1);
    EXPECT_EQ(counts[1], 1);
}

TEST_F(ReadWrite, ManyReadersAndWritersNeitherLoseNorRepeatBytes) {
    constexpr std::size_t threads = 4;
    constexpr std::size_t bytes_each = 40000;
    std::array<std::atomic<std::size_t>, threads> seen{};
    std::atomic<std::size_t> total = 0;
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
        workers.emplace_back([&, i] { write_all(blocking_.get(), std::string(bytes_each, static_cast<char>(i))); });
        workers.emplace_back([&] {
            char buffer[777];
            while (total < threads * bytes_each && wait_events(nonblocking_.get(), POLLIN, 1) >= 0) {
                const ssize_t count = ::read(nonblocking_.get(), buffer, sizeof buffer);
                for (ssize_t at = 0; at < count; ++at) ++seen[static_cast<std::size_t>(buffer[at])];
                if (count > 0) total += static_cast<std::size_t>(count);
            }
        });
    }
    for (auto& worker : workers) worker.join();

    for (const auto& count : seen) EXPECT_EQ(count, bytes_each);
}

TEST_F(ReadWrite, StreamHasNoPosition) {
    char byte = 0;

    EXPECT_EQ(::lseek(blocking_.get(), 0, SEEK_CUR), -1);
    EXPECT_EQ(errno, ESPIPE);
    EXPECT_EQ(::pread(blocking_.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ESPIPE);
}

TEST_F(ReadWrite, DescriptorModesAreKept) {
    const Fd reader{::open(node_path(0).c_str(), O_RDONLY | O_NONBLOCK)};
    const Fd writer{::open(node_path(0).c_str(), O_WRONLY)};
    char byte = 'x';

    EXPECT_EQ(::write(reader.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(::read(writer.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(::write(writer.get(), &byte, 1), 1);
    EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
}

TEST_F(ReadWrite, ChildrenAndDuplicatesShareThePort) {
    const Fd copy{::dup(blocking_.get())};
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::write(copy.get(), "from the child", 14) == 14 ? 0 : 1);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_EQ(status, 0);
    EXPECT_EQ(read_exactly(copy.get(), 14), "from the child");
}

TEST_F(ReadWrite, PortsDoNotHearEachOther) {
    const Fd other = open_port(1, O_NONBLOCK);

    ASSERT_EQ(::write(blocking_.get(), "x", 1), 1);

    EXPECT_EQ(drain(other.get()), "");
    EXPECT_EQ(drain(nonblocking_.get()), "x");
}

}  // namespace
}  // namespace vserd::kmodtest
