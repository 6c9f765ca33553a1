#include "tcp/com_port.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vserd::tcp {
namespace {

using std::string_literals::operator""s;

std::optional<ComPortCommand> parse(const std::string& content) {
    return parse_com_port(std::as_bytes(std::span(content)));
}

TEST(ComPort, CommandsOfTheRfcAreRead) {
    EXPECT_EQ(parse("\x00"s), (ComPortCommand{ComPortCode::signature, 0, false}));
    EXPECT_EQ(parse("\x00me"s), (ComPortCommand{ComPortCode::signature, 0, true}));
    EXPECT_EQ(parse("\x01\x00\x01\xc2\x00"s), (ComPortCommand{ComPortCode::set_baudrate, 115200}));
    EXPECT_EQ(parse("\x02\x07"s), (ComPortCommand{ComPortCode::set_datasize, 7}));
    EXPECT_EQ(parse("\x05\x08"s), (ComPortCommand{ComPortCode::set_control, 8}));
    EXPECT_EQ(parse("\x08"s), (ComPortCommand{ComPortCode::flowcontrol_suspend, 0}));
    EXPECT_EQ(parse("\x0b\xff"s), (ComPortCommand{ComPortCode::set_modemstate_mask, 255}));
    EXPECT_EQ(parse("\x0c\x03"s), (ComPortCommand{ComPortCode::purge_data, 3}));
    EXPECT_EQ(parse("\x07"s), (ComPortCommand{ComPortCode::notify_modemstate, 0})) << "as pyserial asks";
}

TEST(ComPort, CommandsOfAnotherLengthOrNumberAreNone) {
    for (const std::string& wrong : {""s, "\x01"s, "\x01\x00\x00\x25"s, "\x01\x00\x00\x25\x80\x00"s, "\x02"s,
                                     "\x02\x08\x00"s, "\x08\x00"s, "\x0d\x00"s, "\x65\x00\x00\x25\x80"s, "\xff"s}) {
        EXPECT_FALSE(parse(wrong)) << testing::PrintToString(wrong);
    }
}

TEST(ComPort, SettingsAreTranslatedBothWays) {
    const line::Settings settings{9600,
                                  {7, line::Parity::space, line::StopBits::one_and_half, line::FlowControl::rts_cts}};

    for (const auto& [code, value] : {std::pair{ComPortCode::set_baudrate, 9600U},
                                      {ComPortCode::set_datasize, 7U},
                                      {ComPortCode::set_parity, 5U},
                                      {ComPortCode::set_stopsize, 3U},
                                      {ComPortCode::set_control, 3U}}) {
        EXPECT_EQ(value_in_force(code, settings), value);
        const auto change = settings_change({code, value});
        ASSERT_TRUE(change);
        const auto changed = line::with_change(settings, *change);
        ASSERT_TRUE(changed);
        EXPECT_EQ(*changed, settings);
    }
    EXPECT_EQ(value_in_force(ComPortCode::set_control, settings, true), 16U);
}

TEST(ComPort, QueriesAndUnknownValuesChangeNothing) {
    for (const ComPortCommand& query :
         {ComPortCommand{ComPortCode::set_baudrate, 0}, ComPortCommand{ComPortCode::set_datasize, 0},
          ComPortCommand{ComPortCode::set_datasize, 9}, ComPortCommand{ComPortCode::set_parity, 6},
          ComPortCommand{ComPortCode::set_stopsize, 4}, ComPortCommand{ComPortCode::set_control, 0},
          ComPortCommand{ComPortCode::set_control, 17}, ComPortCommand{ComPortCode::purge_data, 1}}) {
        EXPECT_FALSE(settings_change(query)) << static_cast<int>(query.code) << " " << query.value;
    }
}

TEST(ComPort, AnswersHaveTheServersNumbersAndDoubledIacs) {
    std::string out;
    append_com_port(out, ComPortCode::set_baudrate, 0xff00ff01);
    EXPECT_EQ(out, "\xff\xfa\x2c\x65\xff\xff\x00\xff\xff\x01\xff\xf0"s);
    out.clear();
    append_com_port(out, ComPortCode::set_modemstate_mask, 255);
    EXPECT_EQ(out, "\xff\xfa\x2c\x6f\xff\xff\xff\xf0"s);
    out.clear();
    append_com_port_signature(out, "v\xff");
    EXPECT_EQ(out, "\xff\xfa\x2c\x64v\xff\xff\xff\xf0"s);
}

TEST(ComPort, ModemStateHasChangesInItsLowerHalf) {
    line::Signals before;
    line::Signals now;
    now.cts = now.dsr = now.dcd = true;
    before.ri = true;

    EXPECT_EQ(modem_state(now), 0xb0);
    EXPECT_EQ(modem_state(now, before), 0xbf);
    EXPECT_EQ(modem_state(before, now), 0x4b) << "a ring that begins is no trailing edge";
}

TEST(ComPort, LineStateNamesWhatWasCounted) {
    EXPECT_EQ(line_state({.frame = 1, .parity = 0, .overrun = 2, .breaks = 0}), 0x0a);
    EXPECT_EQ(line_state({.frame = 0, .parity = 1, .overrun = 0, .breaks = 1}), 0x14);
}

}  // namespace
}  // namespace vserd::tcp
