// What every engine does with bytes: all of them, in order, once, in either direction, at any size and number.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "contract/engine_rig.hpp"

namespace vserd::test {
namespace {

using io::OperationKind;

class EngineTransfer : public EngineTest {};

constexpr std::array<std::size_t, 9> sizes{1, 2, 511, 512, 513, 4096, 65536, 65537, 1 << 20};

TEST_P(EngineTransfer, ReceivesEveryByteInOrderExactlyOnce) {
    const io::Slot slot = rig().attach(link().in);

    for (const std::size_t size : sizes) {
        const std::string sent = pattern(size, static_cast<unsigned>(size));
        std::thread peer{[&] { write_all(link().peer_out, sent); }};
        Receiver receiver{rig(), slot, size};
        EXPECT_TRUE(rig().run_until([&] { return receiver.done(); })) << size << " bytes";
        peer.join();

        ASSERT_EQ(receiver.received.size(), size);
        ASSERT_TRUE(receiver.received == sent) << size << " bytes";
    }
}

TEST_P(EngineTransfer, SendsEveryByteInOrderExactlyOnce) {
    const io::Slot slot = rig().attach(link().out);

    for (const std::size_t size : sizes) {
        const std::string sent = pattern(size, static_cast<unsigned>(size));
        std::string arrived;
        std::thread peer{[&] { arrived = read_exactly(link().peer_in, size); }};
        Sender sender{rig(), slot, sent};
        EXPECT_TRUE(rig().run_until([&] { return sender.done(); })) << size << " bytes";
        peer.join();

        ASSERT_EQ(sender.failure, std::nullopt);
        ASSERT_TRUE(arrived == sent) << size << " bytes";
    }
}

TEST_P(EngineTransfer, MovesBothDirectionsAtOnce) {
    const std::string sent = pattern(1 << 20, 1);
    const std::string answer = pattern(1 << 20, 2);
    const io::Slot in = rig().attach(link().in);
    const io::Slot out = link().out == link().in ? in : rig().attach(link().out);
    std::string arrived;

    std::thread writing_peer{[&] { write_all(link().peer_out, answer); }};
    std::thread reading_peer{[&] { arrived = read_exactly(link().peer_in, sent.size()); }};
    Receiver receiver{rig(), in, answer.size()};
    Sender sender{rig(), out, sent};
    EXPECT_TRUE(rig().run_until([&] { return receiver.done() && sender.done(); }));
    writing_peer.join();
    reading_peer.join();

    EXPECT_TRUE(receiver.received == answer);
    EXPECT_TRUE(arrived == sent);
}

TEST_P(EngineTransfer, ReadsIntoABufferSmallerThanWhatIsThere) {
    const std::string sent = pattern(5000);
    write_all(link().peer_out, sent.substr(0, 3000));
    Receiver receiver{rig(), rig().attach(link().in), sent.size(), 7};
    write_all(link().peer_out, sent.substr(3000));

    ASSERT_TRUE(rig().run_until([&] { return receiver.done(); }));

    EXPECT_TRUE(receiver.received == sent);
}

TEST_P(EngineTransfer, CompletesOnlyInsideDrain) {
    write_all(link().peer_out, "there already");
    ASSERT_TRUE(wait_for(link().in, POLLIN));
    const io::Slot in = rig().attach(link().in);
    Op read{rig(), OperationKind::read, in, 64};
    Op write{rig(), OperationKind::write, link().out == link().in ? in : rig().attach(link().out), 64};

    read.start();
    write.start();

    EXPECT_FALSE(read.done() || write.done());
    EXPECT_TRUE(rig()->pending()) << "the host would sleep on work that can be done";
    rig().settle();
    EXPECT_EQ(read.text(), "there already");
    EXPECT_EQ(write.result, 64);
    EXPECT_EQ(read.completions + write.completions, 2);
}

TEST_P(EngineTransfer, DeliversBytesOneByOneAsTheyCome) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};

    for (int round = 0; round < 500; ++round) {
        read.start();
        if (round % 2 == 0) rig().settle();  // every other byte finds the read waiting
        const std::string sent(1, static_cast<char>(round));
        write_all(link().peer_out, sent);
        ASSERT_TRUE(rig().run_until([&] { return read.done(); })) << "byte " << round;
        ASSERT_EQ(read.text(), sent);
    }
}

TEST_P(EngineTransfer, KeepsWhatArrivesWhileNobodyReads) {
    const io::Slot slot = rig().attach(link().in);
    const std::string sent = pattern(2000);
    for (std::size_t at = 0; at < sent.size(); at += 100) {
        write_all(link().peer_out, sent.substr(at, 100));
        rig().settle();
    }

    Receiver receiver{rig(), slot, sent.size()};

    ASSERT_TRUE(rig().run_until([&] { return receiver.done(); }));
    EXPECT_TRUE(receiver.received == sent);
}

TEST_P(EngineTransfer, WriteWaitsForRoomAndThenGoesOn) {
    const io::Slot slot = rig().attach(link().out);
    Op write{rig(), OperationKind::write, slot, 4096};
    std::size_t written = 0;
    for (write.start(), rig().settle(); write.done(); write.start(), rig().settle()) {
        ASSERT_GT(*write.result, 0);
        written += static_cast<std::size_t>(*write.result);
    }

    std::string arrived = read_exactly(link().peer_in, written);
    ASSERT_TRUE(rig().run_until([&] { return write.done(); }));

    EXPECT_GT(*write.result, 0);
    EXPECT_EQ(arrived.size(), written);
}

TEST_P(EngineTransfer, OneDrainIsBoundedAndSaysThatThereIsMore) {
    std::vector<Link> links;
    std::vector<std::unique_ptr<Receiver>> receivers;
    const std::string sent = pattern(65000);
    for (int i = 0; i < 24; ++i) {
        links.push_back(std::get<1>(GetParam()).open());
        std::size_t put = 0;
        for (ssize_t got = 1; got > 0 && put < sent.size();
             put += static_cast<std::size_t>(std::max<ssize_t>(got, 0))) {
            got = ::write(links.back().peer_out, sent.data() + put, sent.size() - put);
        }
        ASSERT_TRUE(wait_for(links.back().in, POLLIN));
        receivers.push_back(std::make_unique<Receiver>(rig(), rig().attach(links.back().in), put));
    }
    const auto all_done = [&] {
        return std::all_of(receivers.begin(), receivers.end(), [](auto& r) { return r->done(); });
    };
    const auto moved = [&] {
        std::size_t bytes = 0;
        for (const auto& receiver : receivers) bytes += receiver->received.size();
        return bytes;
    };

    for (std::size_t before = 0; !all_done(); before = moved()) {
        rig().drain();
        ASSERT_LE(moved() - before, std::size_t{320} << 10);
        const bool asleep = !rig()->pending() && !all_done();
        ASSERT_TRUE(!asleep || wait_for(rig()->wait_fd(), POLLIN));
    }

    for (const auto& receiver : receivers) EXPECT_TRUE(sent.starts_with(receiver->received));
}

TEST_P(EngineTransfer, ServesManyDescriptors) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{64}, std::size_t{1000}}) {
        std::vector<Link> links;
        std::vector<io::Slot> slots;
        std::vector<std::unique_ptr<Receiver>> receivers;
        for (std::size_t i = 0; i < count; ++i) {
            links.push_back(std::get<1>(GetParam()).open());
            slots.push_back(rig().attach(links[i].in));
            receivers.push_back(std::make_unique<Receiver>(rig(), slots[i], 230));
        }
        rig().settle();

        for (unsigned round = 0; round < 2; ++round) {
            for (std::size_t i = 0; i < count; ++i) {
                write_all(links[i].peer_out,
                          pattern(230, static_cast<unsigned>(i)).substr(std::size_t{round} * 115, 115));
            }
        }

        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_TRUE(rig().run_until([&] { return receivers[i]->done(); })) << i << " of " << count;
            ASSERT_TRUE(receivers[i]->received == pattern(230, static_cast<unsigned>(i))) << i << " of " << count;
        }
        for (const io::Slot slot : slots) rig()->detach(slot);
    }
}

TEST_P(EngineTransfer, LosesNothingWhereNoSignalCanBeQueued) {
    const ScopedLimit few{RLIMIT_SIGPENDING, 1};
    constexpr std::size_t count = 16;
    constexpr std::size_t size = 20000;
    std::vector<Link> links;
    std::vector<std::unique_ptr<Receiver>> receivers;
    std::vector<std::unique_ptr<Sender>> senders;
    for (unsigned i = 0; i < count; ++i) {
        links.push_back(std::get<1>(GetParam()).open());
        const io::Slot in = rig().attach(links[i].in);
        receivers.push_back(std::make_unique<Receiver>(rig(), in, size));
        const io::Slot out = links[i].out == links[i].in ? in : rig().attach(links[i].out);
        senders.push_back(std::make_unique<Sender>(rig(), out, pattern(size, i)));
    }
    rig().settle();

    std::array<std::string, count> arrived;
    std::thread peers{[&] {
        for (std::size_t at = 0; at < size; at += 1000) {
            for (unsigned i = 0; i < count; ++i) {
                write_all(links[i].peer_out, pattern(size, 100 + i).substr(at, 1000));
                arrived[i] += read_exactly(links[i].peer_in, 1000);
            }
        }
    }};
    for (unsigned i = 0; i < count; ++i) {
        EXPECT_TRUE(rig().run_until([&] { return receivers[i]->done() && senders[i]->done(); })) << i;
    }
    peers.join();

    for (unsigned i = 0; i < count; ++i) {
        EXPECT_TRUE(receivers[i]->received == pattern(size, 100 + i)) << i;
        EXPECT_TRUE(arrived[i] == pattern(size, i)) << i;
    }
}

TEST_P(EngineTransfer, SurvivesAStormOfSignals) {
    struct sigaction quiet {};
    quiet.sa_handler = [](int) {};  // without SA_RESTART: every blocking call may end with EINTR
    ASSERT_EQ(::sigaction(SIGUSR1, &quiet, nullptr), 0);
    const std::string sent = pattern(1 << 20);
    std::atomic<bool> over{false};
    std::thread storm{[&, target = ::pthread_self()] {
        while (!over) {
            ::pthread_kill(target, SIGUSR1);
            std::this_thread::yield();
        }
    }};
    std::thread peer{[&] { write_all(link().peer_out, sent); }};

    Receiver receiver{rig(), rig().attach(link().in), sent.size()};
    const bool arrived = rig().run_until([&] { return receiver.done(); });
    over = true;
    storm.join();
    peer.join();

    EXPECT_TRUE(arrived);
    EXPECT_TRUE(receiver.received == sent);
}

TEST_P(EngineTransfer, ServesACanonicalTtyWhoseReadsEndAtEachLine) {
    termios cooked{};
    if (::tcgetattr(link().in, &cooked) != 0) GTEST_SKIP() << "not a tty";
    cooked.c_lflag |= ICANON;
    ASSERT_EQ(::tcsetattr(link().in, TCSANOW, &cooked), 0);
    Receiver receiver{rig(), rig().attach(link().in), 9};
    rig().settle();

    write_all(link().peer_out, "ab\ncd\nef\n");

    ASSERT_TRUE(rig().run_until([&] { return receiver.done(); }));
    EXPECT_EQ(receiver.received, "ab\ncd\nef\n");
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineTransfer,
                         testing::Combine(testing::ValuesIn(engine_kinds()), testing::ValuesIn(link_kinds())),
                         case_name);

}  // namespace
}  // namespace vserd::test
