#include "port/tx_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace vserd::port {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

std::string text(std::span<const std::byte> data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

TxCommandRef command(std::chrono::steady_clock::time_point deadline = {}) {
    return std::make_shared<TxCommand>(TxCommand{1ms, deadline, [](const Result<line::Settings>&) {}});
}

TEST(TxQueue, TakesNoMoreThanItsLimit) {
    TxQueue queue{4};

    EXPECT_EQ(queue.append(bytes("abc"), false), 3u);
    EXPECT_EQ(queue.append(bytes("def"), false), 1u);
    EXPECT_EQ(queue.append(bytes("g"), false), 0u);
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(text(queue.front_bytes()), "abcd");
}

TEST(TxQueue, SmallWritesGatherIntoOneChunk) {
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    queue.append(bytes("cd"), false);

    EXPECT_EQ(text(queue.front_bytes()), "abcd");
}

TEST(TxQueue, ABusyFrontStaysInPlace) {
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    const auto* place = queue.front_bytes().data();
    queue.append(bytes("cd"), true);

    EXPECT_EQ(queue.front_bytes().data(), place);
    EXPECT_EQ(text(queue.front_bytes()), "ab");
    queue.consume(2);
    EXPECT_EQ(text(queue.front_bytes()), "cd");
}

TEST(TxQueue, CommandsStandBetweenTheBytes) {
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    queue.push(command());
    queue.append(bytes("cd"), false);

    EXPECT_EQ(queue.front_command(), nullptr);
    queue.consume(1);
    EXPECT_EQ(text(queue.front_bytes()), "b");
    queue.consume(1);
    ASSERT_NE(queue.front_command(), nullptr);
    EXPECT_TRUE(queue.front_bytes().empty());
    queue.pop_command();
    EXPECT_EQ(text(queue.front_bytes()), "cd");
    EXPECT_EQ(queue.bytes(), 2u);
}

TEST(TxQueue, DiscardDropsBytesAndKeepsCommands) {
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    queue.push(command());
    queue.append(bytes("cde"), false);
    queue.consume(1);

    EXPECT_EQ(queue.discard_bytes(false), 4u);
    EXPECT_EQ(queue.bytes(), 0u);
    EXPECT_NE(queue.front_command(), nullptr);
}

TEST(TxQueue, DiscardLeavesBusyFrontBytesToTheirWrite) {
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    queue.append(bytes("cde"), true);

    EXPECT_EQ(queue.discard_bytes(true), 3u);
    EXPECT_EQ(text(queue.front_bytes()), "ab");
}

TEST(TxQueue, OnlyExpiredCommandsAreTakenOut) {
    const auto now = std::chrono::steady_clock::now();
    TxQueue queue{64};
    queue.append(bytes("ab"), false);
    queue.push(command(now - 1s));
    queue.push(command(now + 1s));

    EXPECT_EQ(queue.earliest_deadline(), now - 1s);
    EXPECT_EQ(queue.take_expired(now).size(), 1u);
    EXPECT_EQ(queue.commands(), 1u);
    EXPECT_EQ(queue.earliest_deadline(), now + 1s);
    EXPECT_EQ(queue.take_commands().size(), 1u);
    EXPECT_EQ(queue.commands(), 0u);
    EXPECT_EQ(queue.earliest_deadline(), std::chrono::steady_clock::time_point::max());
    EXPECT_EQ(text(queue.front_bytes()), "ab");
}

TEST(TxQueue, LongWritesAreSplitIntoChunksInOrder) {
    TxQueue queue{1 << 20};
    std::string wanted;
    while (wanted.size() < 200'000) wanted += std::to_string(wanted.size()) + ",";
    EXPECT_EQ(queue.append(bytes(wanted), false), wanted.size());

    std::string got;
    while (!queue.front_bytes().empty()) {
        got += text(queue.front_bytes());
        queue.consume(queue.front_bytes().size());
    }
    EXPECT_EQ(got, wanted);
}

}  // namespace
}  // namespace vserd::port
