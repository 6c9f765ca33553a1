#include <gtest/gtest.h>

#include <string>

#include "sim/sim_esp.hpp"

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;
using std::string_literals::operator""s;

constexpr milliseconds held{100};
constexpr milliseconds en_rise{20};
const std::string sync_data = "\x07\x07\x12\x20"s + std::string(32, '\x55');

/// A packet of the loader's protocol without SLIP.
std::string packet(char direction, char command, const std::string& data, std::uint32_t value = 0) {
    std::string bytes{direction, command, static_cast<char>(data.size()), '\0'};
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(value >> 8U * i);
    return bytes + data;
}

std::string slip(const std::string& packet) {
    std::string bytes = "\xc0";
    for (const char c : packet) bytes += c == '\xc0' ? "\xdb\xdc"s : c == '\xdb' ? "\xdb\xdd"s : std::string(1, c);
    return bytes + '\xc0';
}

const std::string success(4, '\0');
const std::string invalid_message = "\x01\x05\0\0"s;

/// A board whose host has just opened the port: both lines are asserted.
class SimEspTest : public ::testing::Test {
protected:
    void SetUp() override {
        state_.settings.baud = 115200;
        board_.power_on(now_);
        set_lines(true, true);
    }
    void set_lines(bool dtr, bool rts) {
        state_.dtr = dtr;
        state_.rts = rts;
        board_.host_lines_changed(now_);
    }
    void wait(milliseconds time) {
        now_ += time;
        board_.refill(now_);
    }
    std::string output() {
        std::string all(board_.output().size(), '\0');
        board_.output().pop(std::as_writable_bytes(std::span(all)));
        return all;
    }
    std::string exchange(const std::string& request) {
        board_.receive(std::as_bytes(std::span(request)), now_);
        return output();
    }
    std::string sync() { return exchange(slip(packet(0, 0x08, sync_data))); }

    /// esptool's reset for ports that set one line at a time, with that much time between two changes.
    void reset_to_loader(milliseconds between) {
        set_lines(false, true);
        wait(held);
        set_lines(true, true);
        wait(between);
        set_lines(true, false);
        wait(milliseconds(50));
        set_lines(false, false);
        wait(en_rise);
    }

    SimState state_;
    SimEsp board_{state_, en_rise};
    SimTime now_{};
};

TEST_F(SimEspTest, BootsItsApplicationWhichIgnoresWhatItReceives) {
    EXPECT_NE(output().find("boot:0x13 (SPI_FAST_FLASH_BOOT)"), std::string::npos);
    EXPECT_EQ(sync(), "");
}

TEST_F(SimEspTest, EntersDownloadModeWhenBothLinesChangeAtOnce) {
    set_lines(false, true);
    wait(held);
    set_lines(true, false);
    wait(milliseconds(50));

    const auto printed = output();
    EXPECT_NE(printed.find("boot:0x3 (DOWNLOAD_BOOT"), std::string::npos) << printed;
    EXPECT_TRUE(printed.ends_with("waiting for download\r\n"));
}

TEST_F(SimEspTest, EntersDownloadModeWhenTheLinesChangeOneAfterTheOtherInTime) {
    reset_to_loader(en_rise - milliseconds(1));

    EXPECT_NE(output().find("boot:0x3 "), std::string::npos);
}

TEST_F(SimEspTest, BootsItsApplicationWhenTheSecondChangeIsLate) {
    reset_to_loader(en_rise);

    EXPECT_NE(output().find("boot:0x13 "), std::string::npos);
    EXPECT_EQ(sync(), "");
}

TEST_F(SimEspTest, BootsItsApplicationWhenIo0IsReleasedBeforeTheResetEnds) {
    set_lines(false, true);
    wait(held);
    set_lines(true, false);
    wait(en_rise - milliseconds(1));
    set_lines(false, false);
    wait(milliseconds(1));

    EXPECT_NE(output().find("boot:0x13 "), std::string::npos);
}

TEST_F(SimEspTest, DoesNotEnterDownloadModeWhenTheLinesChangeInAnotherOrder) {
    output();
    // IO0 first, then EN: the transistors pull EN low only while IO0 is not pulled.
    set_lines(true, false);
    wait(held);
    set_lines(true, true);
    wait(held);
    EXPECT_EQ(output(), "") << "no reset: both lines together pull nothing";

    set_lines(false, true);
    wait(held);
    set_lines(false, false);
    wait(held);
    set_lines(true, false);
    wait(held);
    EXPECT_NE(output().find("boot:0x13 "), std::string::npos) << "IO0 went low after the reset had ended";
    EXPECT_EQ(sync(), "");
}

TEST_F(SimEspTest, IsSilentInResetAndLeavesDownloadModeByAnother) {
    reset_to_loader(milliseconds(1));
    ASSERT_NE(output(), "");

    set_lines(false, true);
    wait(held);
    EXPECT_EQ(sync(), "");
    EXPECT_FALSE(board_.next_event()) << "it stays in reset";
    set_lines(false, false);
    ASSERT_TRUE(board_.next_event());
    wait(en_rise);

    EXPECT_NE(output().find("boot:0x13 "), std::string::npos);
}

/// The same, waiting in its loader.
class SimEspLoaderTest : public SimEspTest {
protected:
    void SetUp() override {
        SimEspTest::SetUp();
        reset_to_loader(milliseconds(1));
        output();
    }
    std::string read_register(const std::string& address) { return exchange(slip(packet(0, 0x0a, address))); }
};

TEST_F(SimEspLoaderTest, AnswersSyncEightTimes) {
    const auto once = slip(packet(1, 0x08, success, 0x20120707));
    std::string expected;
    for (int i = 0; i < 8; ++i) expected += once;

    EXPECT_EQ(sync(), expected);
}

TEST_F(SimEspLoaderTest, ReadsRegistersAndTheSpeedOfTheLine) {
    EXPECT_EQ(read_register("\x00\x10\x00\x40"s), slip(packet(1, 0x0a, success, 0x00f01d83)));
    EXPECT_EQ(read_register("\x04\xa0\xf5\x3f"s), slip(packet(1, 0x0a, success, 0x73657264)));
    EXPECT_EQ(read_register("\x14\x00\xf4\x3f"s), slip(packet(1, 0x0a, success, 40'000'000 / 115200)));
    EXPECT_EQ(read_register("\x00\x00\x00\x50"s), slip(packet(1, 0x0a, success, 0)));
    state_.settings.baud = 40'000'000 / 0xc0;
    EXPECT_EQ(read_register("\x14\x00\xf4\x3f"s), slip(packet(1, 0x0a, success, 0xc0))) << "escaped";
}

TEST_F(SimEspLoaderTest, RejectsOtherCommands) {
    EXPECT_EQ(exchange(slip(packet(0, 0x14, ""))), slip(packet(1, 0x14, invalid_message)));
    EXPECT_EQ(exchange(slip(packet(0, 0x0a, "abc"))), slip(packet(1, 0x0a, invalid_message)));
    EXPECT_EQ(exchange(slip(packet(0, 0x08, "x"))), slip(packet(1, 0x08, invalid_message)));
}

TEST_F(SimEspLoaderTest, IgnoresWhatIsNotARequest) {
    EXPECT_EQ(exchange("hello\xc0\xc0\xc0short\xc0"), "");
    EXPECT_EQ(exchange(slip(packet(1, 0x0a, "\x00\x10\x00\x40"s))), "") << "a response";
    EXPECT_EQ(exchange(slip(packet(0, 0x0a, "\x00\x10\x00\x40"s) + "more")), "") << "of another size than it says";
    EXPECT_EQ(exchange(slip(packet(0, 0x0a, std::string(1000, 'x')))), "") << "too long";
    EXPECT_NE(sync(), "") << "it still answers";
}

TEST_F(SimEspLoaderTest, AcceptsOnlyAsMuchInputAsItHasRoomToAnswer) {
    const auto request = slip(packet(0, 0x08, sync_data));
    std::string stream;
    while (stream.size() < 10000) stream += request;

    while (board_.input_room() > 0 && !stream.empty()) {
        const auto piece = stream.substr(0, board_.input_room());
        stream.erase(0, piece.size());
        board_.receive(std::as_bytes(std::span(piece)), now_);
    }

    EXPECT_LE(board_.output().size(), SimEsp::output_bytes_max);
    EXPECT_FALSE(stream.empty()) << "the rest waits on the cable";
}

TEST_F(SimEspLoaderTest, ChangesItsSpeed) {
    EXPECT_EQ(exchange(slip(packet(0, 0x0f, std::string(8, '\1')))), slip(packet(1, 0x0f, success)));
}

}  // namespace
}  // namespace vserd::sim
