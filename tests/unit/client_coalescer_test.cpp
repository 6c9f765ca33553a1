#include "vser_client/coalescer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vser::client {
namespace {

TEST(Coalescer, GathersSmallWritesIntoOneMessage) {
    Coalescer coalescer{1024};
    coalescer.append("one ");
    coalescer.append("two ");
    coalescer.append("three");

    EXPECT_EQ(coalescer.take()->bytes, "one two three");
    EXPECT_FALSE(coalescer.take().has_value());
    EXPECT_TRUE(coalescer.empty());
}

TEST(Coalescer, TakesOnlyWhatThereIsRoomFor) {
    Coalescer coalescer{8};

    EXPECT_EQ(coalescer.append("12345"), 5U);
    EXPECT_EQ(coalescer.append("67890"), 3U);
    EXPECT_TRUE(coalescer.full());
    EXPECT_EQ(coalescer.append("x"), 0U);
    EXPECT_EQ(coalescer.take()->bytes, "12345678");
    EXPECT_EQ(coalescer.append("x"), 1U);
}

TEST(Coalescer, SplitsWhatIsLargerThanAMessage) {
    Coalescer coalescer{Coalescer::message_bytes_max * 3};
    const std::string large(Coalescer::message_bytes_max * 2 + 1, 'x');
    coalescer.append("first");
    coalescer.append(large);

    std::string all;
    while (const auto message = coalescer.take()) {
        EXPECT_LE(message->bytes.size(), Coalescer::message_bytes_max);
        all += message->bytes;
    }
    EXPECT_EQ(all, "first" + large);
}

TEST(Coalescer, KeepsCommandsInOrderWithBytes) {
    Coalescer coalescer{1024};
    coalescer.append("before");
    coalescer.append_command("break");
    coalescer.append("after");

    EXPECT_EQ(coalescer.take()->bytes, "before");
    const auto command = coalescer.take();
    EXPECT_TRUE(command->is_command);
    EXPECT_EQ(command->bytes, "break");
    EXPECT_EQ(coalescer.take()->bytes, "after");
}

TEST(Coalescer, BoundsTheCommandsThatWait) {
    Coalescer coalescer{1024};
    for (std::size_t i = 0; i < Coalescer::commands_max; ++i) ASSERT_TRUE(coalescer.append_command("break"));

    EXPECT_FALSE(coalescer.append_command("one too many"));
    coalescer.take();
    EXPECT_TRUE(coalescer.append_command("room again"));
}

TEST(Coalescer, ClearingMakesRoomForBytesAndCommands) {
    Coalescer coalescer{8};
    coalescer.append("12345678");
    for (std::size_t i = 0; i < Coalescer::commands_max; ++i) ASSERT_TRUE(coalescer.append_command("break"));

    EXPECT_EQ(coalescer.clear(), 8U);

    EXPECT_TRUE(coalescer.empty());
    EXPECT_EQ(coalescer.append("abc"), 3U);
    EXPECT_TRUE(coalescer.append_command("break"));
}

}  // namespace
}  // namespace vser::client
