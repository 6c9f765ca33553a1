#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "integration/vserctl_relay.hpp"
#include "integration/vserctl_support.hpp"
#include "vser_client.hpp"

namespace vserd::test {
namespace {

namespace client = vser::client;
using testing::HasSubstr;

class Reconnect : public testing::Test {
protected:
    std::string relayed() const { return "unix:" + relay_path(); }
    std::string relay_path() const { return folder_.path() / "relay.sock"; }

    ScratchFolder folder_;
    SimulatedDaemon daemon_;
    Relay relay_{relay_path(), daemon_.socket()};
};

/// The next item of one kind; others are passed over.
template <class Item>
Item next_of(client::Console& console) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
        auto item = console.next(std::chrono::milliseconds(200));
        if (item && std::holds_alternative<Item>(*item)) return std::get<Item>(*std::move(item));
        if (!item && console.ended()) break;
    }
    throw std::runtime_error("the item did not come");
}

std::string next_bytes(client::Console& console, std::size_t size) {
    std::string out;
    while (out.size() < size) out += next_of<client::Data>(console).bytes;
    return out;
}

TEST_F(Reconnect, EightMebibytesArriveIntactThroughACutNetwork) {
    // One client writes over a good connection while the other reads over one that breaks again and again.
    const auto writer = client::Client::connect(daemon_.address()).value();
    const auto reader = client::Client::connect(relayed()).value();
    client::ConsoleOptions options;
    options.mode = client::Mode::read_only;
    auto console = reader.attach("fast", options).value();
    constexpr std::size_t total = std::size_t{8} << 20;
    std::string sent(total, '\0');
    std::mt19937 random(1);
    for (auto& c : sent) c = static_cast<char>(random());

    std::string received;
    std::uint64_t next = 0;
    int outages = 0;
    constexpr std::size_t window = std::size_t{512} << 10;  // half of what the server holds
    for (std::size_t written = 0; written < total;) {
        writer.write("fast", std::string_view(sent).substr(written, window)).value();
        written += window;
        bool cut = false;
        while (received.size() < written) {
            const auto item = console.next(std::chrono::seconds(10));
            ASSERT_TRUE(item.has_value()) << (console.error() ? to_string(*console.error()) : "nothing came");
            ASSERT_FALSE(std::holds_alternative<client::Gap>(*item));
            if (std::holds_alternative<client::Reconnected>(*item)) ++outages;
            if (const auto* data = std::get_if<client::Data>(&*item)) {
                ASSERT_EQ(data->offset, next);
                next += data->bytes.size();
                received += data->bytes;
            }
            if (!std::exchange(cut, true)) relay_.cut();
        }
    }

    EXPECT_TRUE(received == sent);
    EXPECT_GE(outages, 8);
}

TEST_F(Reconnect, BytesSentDuringAnOutageArriveAfterIt) {
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    relay_.refuse(true);
    relay_.cut();
    next_of<client::Disconnected>(console);

    console.write("typed meanwhile").value();
    relay_.refuse(false);

    const auto back = next_of<client::Reconnected>(console);
    EXPECT_EQ(back.tx_bytes_lost, 0U);
    EXPECT_EQ(next_bytes(console, 15), "typed meanwhile");
    EXPECT_TRUE(console.drain(patience).ok());
}

TEST_F(Reconnect, EventsAreNotRepeated) {
    const auto direct = client::Client::connect(daemon_.address()).value();
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    direct.set_baud("fast", 1200).value();
    next_of<client::Event>(console);

    relay_.cut();
    next_of<client::Reconnected>(console);
    direct.set_baud("fast", 2400).value();

    const auto event = next_of<client::Event>(console);
    ASSERT_TRUE(std::holds_alternative<client::SettingsChanged>(event.what));
    EXPECT_EQ(std::get<client::SettingsChanged>(event.what).baud, 2400U);
}

TEST_F(Reconnect, ARestartedServerMeansAnotherLog) {
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    console.write("before the crash").value();
    ASSERT_EQ(next_bytes(console, 16), "before the crash");

    daemon_.kill();
    daemon_.start();

    EXPECT_FALSE(next_of<client::Reconnected>(console).tx_bytes_lost);
    EXPECT_EQ(next_of<client::LogRestarted>(console).expected_offset, 16U);
    console.write("after").value();
    const auto data = next_of<client::Data>(console);
    EXPECT_EQ(data.offset, 0U);
    EXPECT_EQ(data.bytes.substr(0, 5), "after");
}

TEST_F(Reconnect, ALogThatIsAlreadyLongerThanOursIsNotTakenForIt) {
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    console.write("old").value();
    ASSERT_EQ(next_bytes(console, 3), "old");
    relay_.refuse(true);

    daemon_.kill();
    daemon_.start();
    const auto direct = client::Client::connect(daemon_.address()).value();
    direct.write("fast", "a new log, longer than the old one").value();
    auto follower = direct.attach("fast", {.from = client::StartPoint::oldest()}).value();
    next_bytes(follower, 34);
    relay_.refuse(false);

    EXPECT_EQ(next_of<client::LogRestarted>(console).expected_offset, 3U);
    EXPECT_EQ(next_bytes(console, 34), "a new log, longer than the old one");
}

TEST_F(Reconnect, APortReplacedByAReloadHasAnotherLog) {
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    console.write("old device").value();
    ASSERT_EQ(next_bytes(console, 10), "old device");

    daemon_.replace_fast("sim:echo");

    next_of<client::Reconnected>(console);
    EXPECT_EQ(next_of<client::LogRestarted>(console).expected_offset, 10U);
    console.write("new device").value();
    EXPECT_EQ(next_bytes(console, 10), "new device");
}

TEST_F(Reconnect, ItemsMayBeTakenByACallback) {
    std::promise<std::string> got;
    std::promise<void> ended;
    std::string bytes;
    client::ConsoleOptions options;
    options.on_item = [&](client::ConsoleItem&& item) {
        const auto* data = std::get_if<client::Data>(&item);
        if (data == nullptr) return;
        bytes += data->bytes;
        if (bytes.size() == 11) got.set_value(bytes);
    };
    options.on_end = [&](const std::optional<client::Error>&) { ended.set_value(); };
    auto console = client::Client::connect(relayed()).value().attach("fast", options).value();

    console.write("by callback").value();

    auto received = got.get_future();
    ASSERT_EQ(received.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(received.get(), "by callback");
    console.close();
    EXPECT_EQ(ended.get_future().wait_for(patience), std::future_status::ready);
}

TEST_F(Reconnect, ClosingDuringAnOutageIsPrompt) {
    auto console = client::Client::connect(relayed()).value().attach("fast").value();
    relay_.refuse(true);
    relay_.cut();
    next_of<client::Disconnected>(console);
    const auto begin = std::chrono::steady_clock::now();

    console.close();
    while (console.next()) {
    }

    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    EXPECT_FALSE(console.error().has_value());
}

TEST_F(Reconnect, AReaderThatDoesNotReadHoldsLittleMemoryAndGetsAGap) {
    const auto direct = client::Client::connect(daemon_.address()).value();
    auto console = direct.attach("fast").value();
    const std::string block(std::size_t{256} << 10, 'x');
    std::uint64_t sent = 0;
    for (; sent < (std::uint64_t{64} << 20); sent += block.size()) direct.write("fast", block).value();
    while (direct.get_port("fast").value().next_offset < sent) std::this_thread::yield();

    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    while (received + lost < sent) {
        const auto item = console.next(std::chrono::seconds(10));
        ASSERT_TRUE(item.has_value());
        if (const auto* data = std::get_if<client::Data>(&*item)) received += data->bytes.size();
        if (const auto* gap = std::get_if<client::Gap>(&*item)) lost += gap->to - gap->from;
    }

    EXPECT_GT(lost, 0U);
    EXPECT_EQ(received + lost, sent);
}

TEST_F(Reconnect, ManySmallWritesAreGathered) {
    auto console = client::Client::connect(daemon_.address()).value().attach("fast").value();
    constexpr std::size_t total = std::size_t{4} << 20;
    std::string sent;
    for (int i = 0; sent.size() < total; ++i) sent += std::to_string(i) + " ";
    sent.resize(total);

    std::thread typing([&] {
        for (std::size_t at = 0; at < total; at += 64) console.write(std::string_view(sent).substr(at, 64)).value();
    });
    const auto received = next_bytes(console, total);
    typing.join();

    EXPECT_TRUE(received == sent);
}

TEST_F(Reconnect, AttachInATerminalSaysWhatHappened) {
    TerminalProgram terminal(relayed(), {"attach", "fast"});
    terminal.expect("attached to fast");
    terminal.type("one");
    terminal.expect("one");

    relay_.cut();
    terminal.expect("[vserctl: connection lost: ");
    terminal.expect("[vserctl: reconnected after ");
    terminal.expect("resuming at offset 3]");
    terminal.type("two");
    terminal.expect("two");

    daemon_.kill();
    terminal.expect("[vserctl: connection lost: ");
    daemon_.start();
    terminal.expect("[vserctl: reconnected after ");
    terminal.expect("[vserctl: the server started a new log: the old one after offset 6 is lost");
    EXPECT_TRUE(terminal.raw());
    terminal.type("three");
    terminal.expect("three");
    terminal.type("\x1d.");
    EXPECT_EQ(terminal.child().wait(), 0);
    EXPECT_TRUE(terminal.restored());
}

TEST_F(Reconnect, AttachCanBeLeftDuringAnOutage) {
    TerminalProgram terminal(relayed(), {"attach", "fast"});
    terminal.expect("attached to fast");
    relay_.refuse(true);
    relay_.cut();
    terminal.expect("[vserctl: connection lost: ");

    terminal.type("never sent\x1d.");

    terminal.expect("10 bytes were not sent");
    EXPECT_EQ(terminal.child().wait(), 0);
    EXPECT_TRUE(terminal.restored());
}

}  // namespace
}  // namespace vserd::test
