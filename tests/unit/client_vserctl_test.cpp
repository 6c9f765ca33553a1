#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "vserctl/json.hpp"
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

TEST(CommandLine, WordsOfAYieldedCommandAreNotOptions) {
    ::unsetenv("VSERD_ADDRESS");
    const auto outcome = parse_command_line({"yield", "p", "--", "flash", "--json", "-s", "x:1", "--", "{device}", ""});

    ASSERT_TRUE(outcome.options);
    EXPECT_FALSE(outcome.options->json);
    EXPECT_EQ(outcome.options->server, "127.0.0.1:50051");
    const auto& command = std::get<YieldCommand>(outcome.options->command);
    EXPECT_EQ(command.port, "p");
    EXPECT_THAT(command.words, testing::ElementsAre("flash", "--json", "-s", "x:1", "--", "{device}", ""));
    EXPECT_EQ(command.reason, "");
    const auto told = parse_command_line({"yield", "p", "--reason", "new firmware", "--", "flash"});
    EXPECT_EQ(std::get<YieldCommand>(told.options->command).reason, "new firmware");
    EXPECT_EQ(parse_command_line({"yield", "p"}).exit_code, 2);
    EXPECT_EQ(parse_command_line({"yield", "p", "flash", "--port", "x"}).exit_code, 2) << "without --";
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
    EXPECT_THAT(complaint({"signals", "p", "cts=on"}), HasSubstr("the other lines are inputs"));
    EXPECT_THAT(complaint({"read", "p", "--from", "yesterday"}), HasSubstr("tail:BYTES"));
    EXPECT_THAT(complaint({"attach", "p", "--exclusive", "--read-only"}), HasSubstr("--read-only"));
    EXPECT_THAT(complaint({"write", "p"}), HasSubstr("TEXT is required"));
    EXPECT_THAT(complaint({"ports", "--nonsense"}), HasSubstr("--nonsense"));
    EXPECT_THAT(complaint({"signals", "p", "dtr=on", "dtr=off"}), HasSubstr("twice"));
    for (const char* address :
         {"", "127.0.0.1:99999", "host:0", "host:", ":1", "::1", "::1:5", "[::1", "[]", "unix:", "unix", "a b"}) {
        EXPECT_THAT(complaint({"-s", address, "ports"}), HasSubstr("HOST:PORT")) << address;
    }
    EXPECT_THAT(complaint({"--timeout", "0", "ports"}), HasSubstr("10s"));
    EXPECT_THAT(complaint({"read", "p", "--base64"}), HasSubstr("--json"));
    EXPECT_THAT(complaint({"read", "p", "--since", "1h", "--from", "oldest"}), HasSubstr("--from"));
    EXPECT_THAT(complaint({"--tls-ca", "/no/such/ca.crt", "ports"}), HasSubstr("/no/such/ca.crt"));
}

TEST(CommandLine, ErrorsNameTheArgumentAndTheFix) {
    struct Case {
        std::vector<std::string> arguments;
        std::string says;
    };
    const std::vector<Case> cases{
        {{"prots"}, "'prots' is not a command; did you mean 'ports'?"},
        {{"ports", "--jsn"}, "unknown option --jsn; did you mean --json?"},
        {{"read", "p", "--follw"}, "unknown option --follw; did you mean --follow?"},
        {{"write", "p", "hello", "world"}, "unexpected argument 'world'; quote an argument that contains spaces"},
        {{"ports", "--server"}, "--server needs a value: ADDRESS|NAME"},
        {{"ports", "--timeout", "5x"}, "--timeout: '5x' is not a duration"},
        {{"baud", "p", "fast"}, "RATE: 'fast' must be a whole number from 1 to 4294967295"},
        {{"flush", "p", "all"}, "DIRECTION: 'all' is unknown; write input or output or both"},
        {{"break", "p", "--duration", "250"},
         "--duration: '250' must be from 1ms to 5s; a number without a unit means"},
        {{"read", "p", "--from", "tail:x"}, "--from: 'x' is not a number of bytes"},
        {{"read", "p", "--since", "yesterday"}, "--since: 'yesterday' is neither a time"},
        {{"read", "p", "--max-bytes", "x"}, "--max-bytes: 'x' is not a number of bytes"},
        {{"log", "p", "--since", "yesterday"}, "--since: 'yesterday' is neither a time"},
        {{"log", "p", "--grep", "x", "--before", "101"}, "--before: '101' must be a whole number from 0 to 100"},
        {{"lease", "p", "--ttl", "48h"}, "--ttl must be from 1s to 24h"},
        {{"lease", "p", "--renew", "--id", "x"}, "--id: 'x' must be a whole number"},
        {{"notice", "p", ""}, "TEXT is empty"},
        {{"--tls-cert", "/dev/null", "ports"}, "--tls-cert requires --tls-key"},
        {{"config", "list", "lab"}, "list takes no NAME"},
        {{"fleet", "bridges", "p"}, "bridges takes no NAME"},
        {{"fleet", "-o", "file"}, "--output is for vserctl fleet sd"},
        {{"archive", "stat", "/tmp", "--since", "1h"}, "are for vserctl archive export"},
    };
    for (const Case& each : cases) {
        const auto outcome = parse_command_line(each.arguments);
        EXPECT_EQ(outcome.exit_code, 2) << each.says;
        EXPECT_THAT(outcome.err, HasSubstr(each.says));
    }
}

TEST(CommandLine, ThePortOfTheServerMayBeLeftOut) {
    EXPECT_EQ(parse_command_line({"-s", "lab7", "ports"}).options->server, "lab7:50051");
    EXPECT_EQ(parse_command_line({"-s", "192.0.2.7", "ports"}).options->server, "192.0.2.7:50051");
    EXPECT_EQ(parse_command_line({"-s", "[::1]", "ports"}).options->server, "[::1]:50051");
    EXPECT_EQ(parse_command_line({"-s", "[fe80::1%eth0]:7", "ports"}).options->server, "[fe80::1%eth0]:7");
    EXPECT_EQ(parse_command_line({"-s", "unix:/run/vserd.sock", "ports"}).options->server, "unix:/run/vserd.sock");
}

TEST(CommandLine, AnEmptyWordIsNotAMissingOne) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"format", "p", ""},
                                               {"baud", "p", ""},
                                               {"health", ""},
                                               {"read", "p", "--from", ""},
                                               {"read", "p", "--since", ""},
                                               {"read", "p", "--max-bytes", ""},
                                               {"attach", "p", "--wait", ""},
                                               {"ports", "--timeout", ""}}) {
        const auto outcome = parse_command_line(arguments);
        EXPECT_EQ(outcome.exit_code, 2) << arguments.front();
        EXPECT_FALSE(outcome.options.has_value()) << arguments.front();
    }
}

TEST(CommandLine, AnAgeIsLeftToTheServer) {
    const auto command = parse_command_line({"read", "p", "--since", "5min"}).options->command;
    EXPECT_EQ(std::get<StartPoint::Age>(std::get<ReadCommand>(command).from.where).value, std::chrono::minutes(5));
}

TEST(CommandLine, WithJsonWhatIsWrongIsJson) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--json", "frobnicate"}, {"baud", "p", "fast", "--json"}, {"--json"}}) {
        const auto outcome = parse_command_line(arguments);
        EXPECT_EQ(outcome.exit_code, 2);
        EXPECT_THAT(outcome.err, StartsWith("{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"message\":\""));
        EXPECT_THAT(outcome.err, HasSubstr("\"reason\":\"USAGE\""));
    }
    EXPECT_THAT(parse_command_line({"write", "p", "--", "--json", "more"}).err, StartsWith("vserctl: "));
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
    const Time then(std::chrono::seconds(1'000'000'000));
    const auto where = [](const char* text) { return parse_from(text).value().where; };

    EXPECT_TRUE(std::holds_alternative<StartPoint::Oldest>(where("oldest")));
    EXPECT_TRUE(std::holds_alternative<StartPoint::Live>(where("live")));
    EXPECT_EQ(std::get<StartPoint::Offset>(where("18446744073709551615")).value, UINT64_MAX);
    EXPECT_EQ(std::get<StartPoint::TailBytes>(where("tail:4K")).value, 4096U);
    EXPECT_EQ(std::get<StartPoint::TailBytes>(where("tail 10")).value, 10U);
    EXPECT_EQ(std::get<StartPoint::Age>(where("since:10m")).value, std::chrono::minutes(10));
    EXPECT_EQ(std::get<StartPoint::Age>(where("since:5min")).value, std::chrono::minutes(5));
    EXPECT_EQ(std::get<StartPoint::Since>(where("since:2001-09-09T01:46:40.25Z")).value,
              then + std::chrono::milliseconds(250));
    for (const char* bad :
         {"", "-1", "18446744073709551616", "tail:", "tail:x", "since:noon", "since:2001-09-09T01:46:40"}) {
        EXPECT_FALSE(parse_from(bad).ok()) << bad;
    }
}

TEST(Parse, EndsOfALog) {
    using vser::client::EndPoint;
    EXPECT_EQ(std::get<StartPoint::Offset>(parse_until("42").value().where).value, 42U);
    EXPECT_EQ(std::get<StartPoint::Age>(parse_until("10m").value().where).value, std::chrono::minutes(10));
    EXPECT_EQ(std::get<StartPoint::Since>(parse_until("1970-01-01T00:00:02Z").value().where).value.time_since_epoch(),
              std::chrono::seconds(2));
    EXPECT_GT(std::get<StartPoint::Since>(parse_until("+10m").value().where).value, std::chrono::system_clock::now());
    for (const char* bad : {"", "+", "x", "-1", "10x", "2026-11-22"}) EXPECT_FALSE(parse_until(bad).ok()) << bad;
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

TEST(Printable, WhatMovesTheCursorOrTurnsTextAroundIsEscaped) {
    EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F \xF0\x9F\x91\x8D"), "gr\xC3\xBC\xC3\x9F \xF0\x9F\x91\x8D");
    EXPECT_EQ(printable("a\x1b[2J\x7f\n"), "a\\u001b[2J\\u007f\\u000a");
    EXPECT_EQ(printable("\xC2\x9B"
                        "2J"),
              "\\u009b2J");  // a control sequence in one character
    EXPECT_EQ(printable("\xE2\x80\xAE"
                        "evil\xE2\x81\xA6"),
              "\\u202eevil\\u2066");  // override, isolate
    EXPECT_EQ(printable("\xD8\x9C\xE2\x80\x8F\xE2\x80\x8B\xEF\xBB\xBF"), "\\u061c\\u200f\\u200b\\ufeff");
    EXPECT_EQ(printable("\xF3\xA0\x80\x81"), "\\U000e0001");
    EXPECT_EQ(printable("\xff"), "\xEF\xBF\xBD");
}

TEST(Json, WhatATerminalWouldObeyIsEscaped) {
    EXPECT_EQ(json_string("\xC2\x9B\xE2\x80\xAE\xF3\xA0\x80\x81"), "\"\\u009b\\u202e\\udb40\\udc01\"");
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

TEST(Table, LinesHaveNoSpacesAtTheirEnds) {
    Table table({"NAME", "REASON"});
    table.add({{"a", Colour::plain}, {"", Colour::plain}});

    EXPECT_EQ(table.text(false), "NAME  REASON\na\n");
}

}  // namespace
}  // namespace vserctl
