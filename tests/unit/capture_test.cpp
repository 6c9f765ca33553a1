// Captures: what is written is read again, and damage is found and named.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "capture/base64.hpp"
#include "capture/capture_lines.hpp"
#include "capture/capture_reader.hpp"
#include "unit/capture_support.hpp"

namespace vserd::capture {
namespace {

/// All records, or those before the error and its message.
std::pair<std::vector<Record>, std::string> read_all(std::string_view content) {
    auto reader = CaptureReader::read(file_with(content), "F");
    if (!reader) return {{}, reader.error().message};
    std::vector<Record> records;
    while (true) {
        auto record = reader->next();
        if (!record) return {records, record.error().message};
        if (!*record) return {records, ""};
        records.push_back(**record);
    }
}

std::string problem_of(std::string_view content) { return read_all(content).second; }

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
        end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

std::vector<Record> every_kind() {
    Event signals{3, "signals", {}};
    signals.signals = line::Signals{.dtr = true, .cts = true, .ri = true};
    Event settings{3, "settings", "by another program"};
    settings.settings = line::Settings{9600, line::parse_format("7E2/rtscts").value()};
    Event errors{3, "line_errors", {}};
    errors.errors = line::LineErrors{1, 2, 3, 4};
    return {event(0, "online", "/dev/ttyUSB0"),
            rx(1, 0, "abc"),
            tx(2, 70, std::string_view("\0\xff\n", 3)),
            {at_ms(3), signals},
            {at_ms(3), settings},
            {at_ms(4), errors},
            {at_ms(5), Gap{Direction::rx, 3, 1000, "the disk was full"}},
            {at_ms(5), Gap{Direction::tx, 73, 80, "not recorded"}},
            rx(6, 1000, "d"),
            event(7, "offline", "unplugged")};
}

TEST(Capture, EveryKindOfRecordIsReadAsItWasWritten) {
    const auto [records, problem] = read_all(capture_of(every_kind()));

    EXPECT_EQ(problem, "");
    EXPECT_EQ(records, every_kind());
}

TEST(Capture, ALineIsReadableElsewhere) {
    EXPECT_EQ(to_line(Header{"board", "x"}), "{\"vserd_capture\":1,\"port\":\"board\",\"log_id\":\"x\"}\n");
    EXPECT_EQ(to_line(rx(5, 7, "hi!")), "{\"t\":\"2026-09-21T14:13:20.005000000Z\",\"at\":7,\"rx\":\"aGkh\"}\n");
    EXPECT_EQ(to_line(End{3, 2, 1}), "{\"end\":{\"records\":3,\"rx_bytes\":2,\"tx_bytes\":1}}\n");
}

TEST(Capture, ManyBytesAreSeveralRecords) {
    std::string text;
    while (text.size() < 3 * data_bytes_max) text += std::to_string(text.size());

    const auto [records, problem] = read_all(capture_of({rx(0, 5, text)}));

    EXPECT_EQ(problem, "");
    ASSERT_EQ(records.size(), 4U);
    std::vector<std::byte> bytes;
    for (const Record& record : records) {
        const auto& data = std::get<Data>(record.content);
        EXPECT_EQ(data.offset, 5 + bytes.size());
        bytes.insert(bytes.end(), data.bytes.begin(), data.bytes.end());
    }
    EXPECT_EQ(bytes, bytes_of(text));
}

TEST(Capture, CanBeReadAgain) {
    auto reader = CaptureReader::read(file_with(capture_of(every_kind())), "F");
    ASSERT_TRUE(reader);
    while (reader->next().value()) continue;

    ASSERT_TRUE(reader->rewind());

    EXPECT_EQ(reader->header(), (Header{"board", "log-1"}));
    EXPECT_EQ(reader->next().value(), every_kind().front());
}

TEST(Capture, WhatIsNoCaptureIsNamed) {
    EXPECT_EQ(problem_of(""), "F:1: the file is empty; make a capture with vserctl archive export");
    EXPECT_NE(problem_of("login: \n").find("F:1: is not the first line of a capture"), std::string::npos);
    EXPECT_NE(problem_of("{\"a\":1}\n").find("F:1: is not the first line of a capture"), std::string::npos);
    EXPECT_EQ(problem_of("{\"vserd_capture\":2,\"port\":\"a\"}\n"),
              "F:1: is of format 2, and this vserd reads format 1");
    EXPECT_EQ(problem_of("\x28\xB5\x2F\xFD zstd\n"), "F:1: is compressed; decompress the file first: zstd -d FILE");
    EXPECT_NE(problem_of(std::string(1 << 20, 'x')).find("is longer than 131072 bytes"), std::string::npos);
    EXPECT_NE(CaptureReader::open("/dev/null").error().message.find("is not a regular file"), std::string::npos);
    EXPECT_NE(CaptureReader::open("/no/such").error().message.find("/no/such"), std::string::npos);
}

TEST(Capture, DamagedLinesAreNamedAfterTheRecordsBeforeThem) {
    const std::string start =
        joined({lines_of(capture_of({rx(0, 0, "a")}))[0], lines_of(capture_of({rx(0, 0, "a")}))[1]});
    const auto problem = [&start](const std::string& line) {
        const auto [records, why] = read_all(start + line + "\n");
        EXPECT_EQ(records.size(), 1U) << line;
        return why;
    };
    const std::string t = "{\"t\":\"2026-01-01T00:00:00Z\",";

    EXPECT_NE(problem("{").find("F:3: is not a JSON object"), std::string::npos);
    EXPECT_NE(problem("[]").find("F:3: is not a JSON object"), std::string::npos);
    EXPECT_NE(problem("{\"t\":\"yesterday\",\"at\":1,\"rx\":\"YQ==\"}").find("F:3: 't': "), std::string::npos);
    EXPECT_EQ(problem("{\"t\":1}"), "F:3: 't' must be a string");
    EXPECT_EQ(problem(t + "\"at\":1}"), "F:3: 't' comes with none of 'rx', 'tx', 'gap' and 'event'");
    EXPECT_EQ(problem(t + "\"at\":-1,\"rx\":\"YQ==\"}"), "F:3: 'at' must be a whole number that is not negative");
    for (const char* text : {"", "YQ=", "YQ", "Y!==", "YR==", "===="})
        EXPECT_EQ(problem(t + "\"at\":1,\"rx\":\"" + text + "\"}"),
                  "F:3: 'rx' must be 1 to 49152 bytes in base64 with padding")
            << text;
    EXPECT_EQ(problem(t + "\"gap\":\"up\",\"from\":1,\"to\":2}"), "F:3: 'gap' must be \"rx\" or \"tx\"");
    EXPECT_EQ(problem(t + "\"gap\":\"rx\",\"from\":1,\"to\":0}"), "F:3: 'to' is before 'from'");
    EXPECT_EQ(problem(t + "\"at\":1,\"event\":\"signals\"}"), "F:3: 'dtr' must be true or false");
    EXPECT_EQ(problem(t + "\"at\":1,\"event\":\"settings\",\"baud\":1,\"format\":\"9X9\"}"),
              "F:3: 'format' must be a format such as \"8N1\"");
}

TEST(Capture, EventsOfALaterVersionAreRecords) {
    const auto first = lines_of(capture_of({}))[0];
    const auto [records, problem] = read_all(
        first + "\n{\"t\":\"2026-01-01T00:00:00Z\",\"at\":1,\"event\":\"new\",\"more\":[1]}\n" + to_line(End{1, 0, 0}));

    EXPECT_EQ(problem, "");
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(std::get<Event>(records[0].content).name, "new");
}

TEST(Capture, MissingLinesAreFound) {
    const auto lines =
        lines_of(capture_of({rx(0, 0, "ab"), tx(0, 0, "x"), rx(1, 2, "cd"), event(2, "notice"), rx(3, 4, "e")}));
    for (std::size_t gone = 1; gone < lines.size(); ++gone) {
        auto rest = lines;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
        EXPECT_NE(problem_of(joined(rest)), "") << lines[gone];
    }
    EXPECT_NE(problem_of(joined({lines[0], lines[1], lines[4]})).find("F:4: the file ends before its last line"),
              std::string::npos);
    EXPECT_NE(problem_of(joined({lines[0], lines[3], lines[1]})).find("F:3: rx continues at offset 0 instead of 4"),
              std::string::npos);
}

TEST(Capture, AFileThatWasCutOffAnywhereIsFound) {
    const std::string whole = capture_of(every_kind());
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_NE(problem_of(whole.substr(0, size)), "") << size << " bytes";
    EXPECT_EQ(problem_of(whole), "");
    EXPECT_NE(problem_of(whole + whole).find("follows the last line of the capture"), std::string::npos);
}

TEST(Capture, TimesKeepTheirNanoseconds) {
    for (const std::int64_t ns :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{1'790'000'000'123'456'789}, std::int64_t{-1}}) {
        const Time time{std::chrono::nanoseconds(ns)};
        EXPECT_EQ(parse_time(to_text(time)).value(), time) << to_text(time);
    }
    EXPECT_EQ(parse_time("2026-01-01T00:00:00.5Z").value() - parse_time("2026-01-01T00:00:00Z").value(),
              std::chrono::milliseconds(500));
    EXPECT_FALSE(parse_time("9999-01-01T00:00:00Z"));
}

TEST(Base64, IsItsInverse) {
    std::string text;
    for (int size = 0; size < 70; ++size) {
        EXPECT_EQ(from_base64(to_base64(bytes_of(text))), bytes_of(text));
        text += static_cast<char>(size * 37);
    }
    EXPECT_EQ(to_base64(bytes_of("foob")), "Zm9vYg==");  // RFC 4648, section 10
    EXPECT_EQ(to_base64(bytes_of("fooba")), "Zm9vYmE=");
    EXPECT_EQ(to_base64(bytes_of("foobar")), "Zm9vYmFy");
}

}  // namespace
}  // namespace vserd::capture
