#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "vserctl/escape.hpp"
#include "vserctl/json.hpp"
#include "vserctl/mode_tracker.hpp"
#include "vserctl/options.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using vser::client::StartPoint;
using vser::client::Time;

TEST(CommandLine, ServerComesFromTheOptionThenTheEnvironmentThenTheDefault) {
    ::unsetenv("VSERD_ADDRESS");
    EXPECT_EQ(parse_command_line({"ports"}).options->server, "127.0.0.1:50051");
    ::setenv("VSERD_ADDRESS", "lab:1", 1);
    EXPECT_EQ(parse_command_line({"ports"}).options->server, "lab:1");
    EXPECT_EQ(parse_command_line({"-s", "other:2", "ports"}).options->server, "other:2");
    ::unsetenv("VSERD_ADDRESS");
}

TEST(CommandLine, GlobalOptionsMayFollowTheCommand) {
    EXPECT_TRUE(parse_command_line({"ports", "--json"}).options->json);
    EXPECT_EQ(parse_command_line({"baud", "p", "-s", "x:1"}).options->server, "x:1");
}

TEST(CommandLine, EveryCommandIsUnderstood) {
    EXPECT_EQ(std::get<BaudCommand>(parse_command_line({"baud", "p", "9600"}).options->command).baud, 9600U);
    EXPECT_FALSE(std::get<BaudCommand>(parse_command_line({"baud", "p"}).options->command).baud.has_value());
    EXPECT_EQ(
        to_string(
            *std::get<FormatCommand>(parse_command_line({"format", "p", "5n1.5/RTSCTS"}).options->command).format),
        "5N1.5/rtscts");
    const auto signals =
        std::get<SignalsCommand>(parse_command_line({"signals", "p", "dtr=on", "rts=off"}).options->command);
    EXPECT_EQ(signals.change.dtr, true);
    EXPECT_EQ(signals.change.rts, false);
    EXPECT_EQ(std::get<BreakCommand>(parse_command_line({"break", "p", "--duration", "1.5s"}).options->command)
                  .duration.count(),
              1500);
    EXPECT_EQ(std::get<WriteCommand>(parse_command_line({"write", "p", "-e", "a\\r"}).options->command).bytes, "a\r");
    EXPECT_TRUE(std::get<WriteCommand>(parse_command_line({"write", "p", "-"}).options->command).from_stdin);
    EXPECT_EQ(std::get<WriteCommand>(parse_command_line({"write", "p", "--", "-x"}).options->command).bytes, "-x");
    EXPECT_EQ(std::get<ReadCommand>(parse_command_line({"read", "p", "--max-bytes", "4K"}).options->command).bytes_max,
              4096U);
    const auto attach = std::get<AttachCommand>(
        parse_command_line({"attach", "p", "--escape", "^A", "--wait", "forever"}).options->command);
    EXPECT_EQ(attach.escape_key, 1);
    EXPECT_FALSE(attach.wait.has_value());
}

TEST(CommandLine, WhatIsWrongIsNamedAndStatusIsTwo) {
    const auto complaint = [](std::vector<std::string> arguments) {
        auto outcome = parse_command_line(std::move(arguments));
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_FALSE(outcome.options.has_value());
        return outcome.err;
    };
    EXPECT_THAT(complaint({"frobnicate"}), HasSubstr("'frobnicate' is not a command: ports, watch"));
    EXPECT_THAT(complaint({}), HasSubstr("a command is required: ports, watch"));
    EXPECT_THAT(complaint({"baud"}), HasSubstr("PORT"));
    EXPECT_THAT(complaint({"format", "p", "9N1"}), HasSubstr("for example 8N1"));
    EXPECT_THAT(complaint({"signals", "p", "cts=on"}), HasSubstr("the others are inputs"));
    EXPECT_THAT(complaint({"read", "p", "--from", "yesterday"}), HasSubstr("tail:BYTES"));
    EXPECT_THAT(complaint({"attach", "p", "--exclusive", "--read-only"}), HasSubstr("--read-only"));
    EXPECT_THAT(complaint({"write", "p"}), HasSubstr("TEXT is required"));
    EXPECT_THAT(complaint({"ports", "--nonsense"}), HasSubstr("--nonsense"));
    EXPECT_THAT(complaint({"signals", "p", "dtr=on", "dtr=off"}), HasSubstr("twice"));
    for (const char* address : {"", "foo", "127.0.0.1:99999", "host:0", ":1", "::1:5", "unix:"}) {
        EXPECT_THAT(complaint({"-s", address, "ports"}), HasSubstr("HOST:PORT")) << address;
    }
    EXPECT_THAT(complaint({"--timeout", "0", "ports"}), HasSubstr("10s"));
    EXPECT_THAT(complaint({"--tls-ca", "/no/such/ca.crt", "ports"}), HasSubstr("/no/such/ca.crt"));
}

TEST(CommandLine, HelpOfEveryCommandHasExamples) {
    for (const char* command :
         {"ports", "watch", "attach", "read", "write", "baud", "format", "signals", "break", "flush", "info"}) {
        const auto help = parse_command_line({command, "--help"});
        EXPECT_EQ(help.exit_code, 0);
        EXPECT_THAT(help.out, HasSubstr(std::string("Examples:\n  vserctl ") + command)) << command;
    }
}

TEST(Parse, PlacesInTheLog) {
    const Time now(std::chrono::seconds(1'000'000'000));
    const auto where = [&](const char* text) { return parse_from(text, now).value().where; };

    EXPECT_TRUE(std::holds_alternative<StartPoint::Oldest>(where("oldest")));
    EXPECT_TRUE(std::holds_alternative<StartPoint::Live>(where("live")));
    EXPECT_EQ(std::get<StartPoint::Offset>(where("18446744073709551615")).value, UINT64_MAX);
    EXPECT_EQ(std::get<StartPoint::TailBytes>(where("tail:4K")).value, 4096U);
    EXPECT_EQ(std::get<StartPoint::TailBytes>(where("tail 10")).value, 10U);
    EXPECT_EQ(std::get<StartPoint::Since>(where("since:10m")).value, now - std::chrono::minutes(10));
    EXPECT_EQ(std::get<StartPoint::Since>(where("since:2001-09-09T01:46:40.25Z")).value,
              now + std::chrono::milliseconds(250));
    for (const char* bad :
         {"", "-1", "18446744073709551616", "tail:", "tail:x", "since:noon", "since:2001-09-09T01:46:40"}) {
        EXPECT_FALSE(parse_from(bad, now).ok()) << bad;
    }
}

TEST(WriteError, CountsAreExactOnlyWhereTheServerAnswered) {
    vser::client::Error answered{.reason = "DEADLINE", .metadata = {{"bytes_taken", "5"}}};
    add_bytes_taken(answered, 7);
    EXPECT_EQ(answered.metadata, (std::map<std::string, std::string>{{"bytes_taken", "12"}}));
    vser::client::Error silent{.code = vser::client::Code::deadline_exceeded};
    add_bytes_taken(silent, 7);
    add_bytes_taken(silent, 1);
    EXPECT_EQ(silent.metadata, (std::map<std::string, std::string>{{"bytes_taken_at_least", "8"}}));
}

TEST(Parse, Bytes) {
    EXPECT_EQ(parse_bytes("64KiB").value(), 65536U);
    for (const char* bad : {"", "K", "-1", "1.5M", "1T", "99999999999999999999", "18446744073709551615K"}) {
        EXPECT_FALSE(parse_bytes(bad).ok()) << bad;
    }
}

TEST(Parse, Durations) {
    EXPECT_EQ(parse_duration("250ms").value().count(), 250);
    EXPECT_EQ(parse_duration("2").value().count(), 2000);
    EXPECT_EQ(parse_duration("1d").value(), std::chrono::hours(24));
    for (const char* bad : {"", "s", "-1s", "1..2s", "1y", "99999999999999d"})
        EXPECT_FALSE(parse_duration(bad).ok()) << bad;
}

TEST(Parse, Escapes) {
    EXPECT_EQ(unescape("a\\r\\n\\t\\e\\\\\\x41\\0b").value(), std::string("a\r\n\t\x1b\\A\0b", 9));
    for (const char* bad : {"\\", "\\q", "\\x", "\\x4", "\\xZZ"}) EXPECT_FALSE(unescape(bad).ok()) << bad;
}

std::string typed_bytes(const std::vector<EscapeParser::Piece>& pieces) {
    std::string out;
    for (const auto& piece : pieces) out += std::holds_alternative<Key>(piece) ? "<key>" : std::get<std::string>(piece);
    return out;
}

TEST(Escape, CommandsAreTakenOutInOrder) {
    EscapeParser parser(0x1d);

    const auto pieces = parser.feed(
        "ab\x1d"
        "bcd\x1d.");

    ASSERT_EQ(pieces.size(), 4U);
    EXPECT_EQ(std::get<Key>(pieces[1]), Key::send_break);
    EXPECT_EQ(std::get<std::string>(pieces[2]), "cd");
    EXPECT_EQ(std::get<Key>(pieces[3]), Key::quit);
}

TEST(Escape, ItMayBeSplitAndDoubled) {
    EscapeParser parser(0x1d);
    EXPECT_EQ(typed_bytes(parser.feed("a\x1d")), "a");
    EXPECT_EQ(typed_bytes(parser.feed("?")), "<key>");
    EXPECT_EQ(typed_bytes(parser.feed("\x1d")), "");
    EXPECT_EQ(typed_bytes(parser.feed("\x1d"
                                      "b")),
              "\x1d"
              "b");
}

TEST(Escape, NoneMeansNone) { EXPECT_EQ(typed_bytes(EscapeParser(-1).feed("\x1d.\xff")), "\x1d.\xff"); }

TEST(Modes, OnlyWhatWasChangedIsUndone) {
    ModeTracker modes;
    modes.feed("plain text\r\n\x1b[31mred\x1b[0m");
    EXPECT_EQ(modes.undo(), "");
    modes.feed("\x1b[?1049h\x1b[?25l\x1b[?2004;1000h");
    modes.feed("\x1b[?2004l\x1b[?12345h\x1b[1;32m");
    EXPECT_EQ(modes.undo(), "\x1b[?1000l\x1b[?1049l\x1b[?25h\x1b[0m");
    modes.feed(
        "\x1b"
        "c");
    EXPECT_EQ(modes.undo(), "");
}

TEST(Modes, SequencesMayBeSplitAnywhere) {
    const std::string all = "x\x1b[?1049hy\x1b=z";
    for (std::size_t at = 0; at <= all.size(); ++at) {
        ModeTracker modes;
        modes.feed(std::string_view(all).substr(0, at));
        modes.feed(std::string_view(all).substr(at));
        EXPECT_EQ(modes.undo(), "\x1b[?1049l\x1b>") << at;
    }
}

TEST(Utf8, CharactersAreNeverSplit) {
    Utf8Stream stream;
    EXPECT_EQ(stream.push(0, "a\xE2\x82").text, "a");
    const auto rest = stream.push(3, "\xAC!");
    EXPECT_EQ(rest.offset, 1U);
    EXPECT_EQ(rest.text, "\xE2\x82\xAC!");
}

TEST(Utf8, EachByteThatIsNoneIsReplaced) {
    Utf8Stream stream;
    EXPECT_EQ(stream.push(0, "\xff\xC0\x80z").text, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
    EXPECT_EQ(stream.push(4, "\xF0\x9F").text, "");
    EXPECT_EQ(stream.flush()->text, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Json, StringsAreEscaped) { EXPECT_EQ(json_string("a\"\\\n\x01\xff"), "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\""); }

TEST(Json, Base64) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Json, TimesAreRfc3339) {
    EXPECT_EQ(rfc3339(Time(std::chrono::milliseconds(1'000'000'000'250))), "2001-09-09T01:46:40.250000Z");
}

TEST(Table, ColumnsAreAlignedByCharacters) {
    Table table({"A", "B"});
    table.add({{"gr\xC3\xBC\xC3\x9F", Colour::plain}, {"x", Colour::good}});

    EXPECT_EQ(table.text(false), "A     B\ngr\xC3\xBC\xC3\x9F  x\n");
    EXPECT_THAT(table.text(true), HasSubstr("\x1b[32mx\x1b[0m"));
}

}  // namespace
}  // namespace vserctl
