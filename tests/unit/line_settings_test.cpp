#include "line/settings.hpp"

#include <asm/termbits.h>
#include <gtest/gtest.h>

#include <vector>

#include "line/termios_settings.hpp"

namespace vserd::line {
namespace {

std::vector<Format> every_format() {
    std::vector<Format> formats;
    for (std::uint8_t data_bits = 5; data_bits <= 8; ++data_bits) {
        for (const auto parity : {Parity::none, Parity::odd, Parity::even, Parity::mark, Parity::space}) {
            for (const auto stop_bits : {StopBits::one, StopBits::one_and_half, StopBits::two}) {
                for (const auto flow : {FlowControl::none, FlowControl::rts_cts, FlowControl::xon_xoff}) {
                    formats.push_back({data_bits, parity, stop_bits, flow});
                }
            }
        }
    }
    return formats;
}

TEST(ParseFormat, TakesEveryFormatThatItPrints) {
    for (const auto& format : every_format()) {
        const auto parsed = parse_format(to_string(format));

        ASSERT_TRUE(parsed) << to_string(format);
        EXPECT_EQ(*parsed, format) << to_string(format);
    }
}

TEST(ParseFormat, DoesNotMindCase) {
    EXPECT_EQ(*parse_format("8n1"), (Format{8, Parity::none, StopBits::one, FlowControl::none}));
    EXPECT_EQ(*parse_format("7e2/RTScts"), (Format{7, Parity::even, StopBits::two, FlowControl::rts_cts}));
    EXPECT_EQ(*parse_format("5n1.5/XonXoff"), (Format{5, Parity::none, StopBits::one_and_half, FlowControl::xon_xoff}));
}

TEST(ParseFormat, RefusesAnythingElseAndShowsTheGrammar) {
    for (const std::string text : {"",
                                   "8",
                                   "8N",
                                   "N81",
                                   "4N1",
                                   "9N1",
                                   "8X1",
                                   "8N0",
                                   "8N3",
                                   "8N1.",
                                   "8N1.55",
                                   "8N11",
                                   " 8N1",
                                   "8N1 ",
                                   "8N1/",
                                   "8N1/none",
                                   "8N1/rtscts/xonxoff",
                                   "88N1",
                                   "\xff\xfe\xfd",
                                   "8N1/rts"}) {
        const auto parsed = parse_format(text);

        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().failure, Failure::invalid_argument);
        EXPECT_EQ(parsed.error().subject, "format");
        EXPECT_NE(parsed.error().message.find("8N1"), std::string::npos);
    }
    EXPECT_FALSE(parse_format(std::string_view("8N\0", 3)));
}

TEST(WithChange, KeepsWhatIsUnset) {
    const Settings current{9600, {7, Parity::even, StopBits::two, FlowControl::rts_cts}};

    EXPECT_EQ(with_change(current, {})->get(), current);
    EXPECT_EQ(with_change(current, {.baud = 300})->get(), (Settings{300, current.format}));
    EXPECT_EQ(with_change(current, {.parity = Parity::mark})->get().format.parity, Parity::mark);
    EXPECT_EQ(with_change(current, {.stop_bits = StopBits::one})->get().format.data_bits, 7);
}

TEST(WithChange, NamesTheFieldThatIsWrong) {
    const auto subject = [](const SettingsChange& change) {
        const auto changed = with_change({}, change);
        return changed ? std::string("accepted") : changed.error().subject;
    };

    EXPECT_EQ(subject({.baud = 0}), "baud");
    EXPECT_EQ(subject({.data_bits = 4}), "format.data_bits");
    EXPECT_EQ(subject({.data_bits = 9}), "format.data_bits");
    EXPECT_EQ(subject({.parity = static_cast<Parity>(5)}), "format.parity");
    EXPECT_EQ(subject({.stop_bits = static_cast<StopBits>(3)}), "format.stop_bits");
    EXPECT_EQ(subject({.flow_control = static_cast<FlowControl>(3)}), "format.flow_control");
    EXPECT_EQ(subject({.baud = 1}), "accepted");
    EXPECT_EQ(subject({.baud = 0xffffffff}), "accepted");
}

TEST(HalfBitsPerCharacter, CountsStartDataParityAndStop) {
    EXPECT_EQ(half_bits_per_character(*parse_format("8N1")), 20U);
    EXPECT_EQ(half_bits_per_character(*parse_format("8E2")), 24U);
    EXPECT_EQ(half_bits_per_character(*parse_format("7E1")), 20U);
    EXPECT_EQ(half_bits_per_character(*parse_format("5N1.5")), 15U);
}

TEST(TermiosSettings, SurviveTheRoundTripIntoTheKernelStructure) {
    for (auto format : every_format()) {
        termios2 raw{};
        const Settings wanted{250001, format};
        const bool odd_stop_bits = format.stop_bits == StopBits::one_and_half && format.data_bits != 5;

        const auto put = put_settings(wanted, {}, raw);

        ASSERT_EQ(put.has_value(), !odd_stop_bits) << to_string(format);
        if (odd_stop_bits) {
            EXPECT_EQ(put.error().subject, "format.stop_bits");
            continue;
        }
        Settings expected = wanted;
        if (format.data_bits == 5 && format.stop_bits == StopBits::two)
            expected.format.stop_bits = StopBits::one_and_half;
        EXPECT_EQ(settings_of(raw), expected) << to_string(format);
    }
}

TEST(TermiosSettings, LeaveNothingThatChangesBytesOrDropsTheLine) {
    termios2 raw{};
    raw.c_iflag = raw.c_oflag = raw.c_cflag = raw.c_lflag = ~tcflag_t{0};

    ASSERT_TRUE(put_settings({}, {}, raw));

    EXPECT_EQ(raw.c_iflag, tcflag_t{IGNBRK});
    EXPECT_EQ(raw.c_oflag, 0U);
    EXPECT_EQ(raw.c_lflag, 0U);
    EXPECT_EQ(raw.c_cflag & (HUPCL | CRTSCTS | CIBAUD), 0U);
    EXPECT_EQ(raw.c_cflag & (CLOCAL | CREAD), tcflag_t{CLOCAL | CREAD});
    EXPECT_EQ(raw.c_cflag & CBAUD, tcflag_t{B115200});
}

TEST(TermiosSettings, NameASpeedByItsConstantWhereItHasOne) {
    const struct {
        std::uint32_t baud;
        tcflag_t flag;
    } table[] = {{50, B50},           {9600, B9600},  {38400, B38400}, {57600, B57600},
                 {4000000, B4000000}, {9601, BOTHER}, {1, BOTHER}};
    for (const auto& [baud, flag] : table) {
        termios2 raw{};
        ASSERT_TRUE(put_settings({baud, {}}, {}, raw));
        EXPECT_EQ(raw.c_cflag & CBAUD, flag) << baud;
        EXPECT_EQ(raw.c_ospeed, baud);
    }
}

}  // namespace
}  // namespace vserd::line
