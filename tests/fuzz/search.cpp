// The search for lines with any pattern in any bytes: input in pieces gives the same lines as in one piece, no byte is selected
// twice or out of order, what matches is inside its line, and pauses only divide lines.
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "search/line_selector.hpp"

using namespace vserd::search;

namespace {

constexpr std::uint64_t start = 1000;

Patterns patterns_of(const std::vector<std::string>& texts) {
    auto compiled = compile(texts, "patterns");
    if (!compiled) {
        require(compiled.error().failure == vserd::Failure::invalid_argument, "a bad pattern is an invalid argument");
        require(compiled.error().subject.starts_with("patterns"), "an error names its field");
        return {};
    }
    return std::move(*compiled);
}

/// The lines are in order, do not overlap, and are what the text has there.
void check(const std::vector<Line>& lines, std::string_view text) {
    std::uint64_t end = start;
    for (const Line& line : lines) {
        require(!line.bytes.empty() && line.offset >= end, "no byte is selected twice");
        end = line.offset + line.bytes.size();
        require(end <= start + text.size(), "nothing is selected beyond the end");
        require(text.substr(line.offset - start, line.bytes.size()) == line.bytes, "lines are what was received");
        require(line.bytes.size() <= line_bytes_max + 2, "lines have their maximum");
        if (!line.match) continue;
        require(line.match->from >= line.offset && line.match->to <= end, "a match is inside its line");
        const auto matched = text.substr(line.match->from - start, line.match->to - line.match->from);
        require(matched.find_first_of("\r\n") == matched.npos, "a match has no line end");
    }
}

std::string joined(const std::vector<Line>& lines) {
    std::string all;
    for (const Line& line : lines) {
        all += std::to_string(line.offset) + ":" + line.bytes;
        if (line.match) all += "|" + std::to_string(line.match->from) + "-" + std::to_string(line.match->to);
    }
    return all;
}

void append(std::vector<Line>& all, std::vector<Line> more) {
    for (Line& line : more) all.push_back(std::move(line));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const Context context{input.byte() % 4U, input.byte() % 4U};
    std::vector<std::string> texts(1 + input.byte() % 3U);
    for (std::string& text : texts) text = input.take(input.byte() % 40U);
    const std::uint8_t step = input.byte();
    const bool pauses = input.byte() % 2 == 1;
    const std::string_view text = input.rest();
    if (patterns_of(texts).empty()) return 0;

    LineSelector whole(patterns_of(texts), start, context);
    whole.add(text, Time{});
    whole.finish();
    const auto expected = whole.take();
    check(expected, text);

    LineSelector pieces(patterns_of(texts), start, context);
    std::vector<Line> got;
    for (std::size_t at = 0; at < text.size(); at += step + 1U) {
        pieces.add(text.substr(at, step + 1U), Time{});
        if (pauses) pieces.pause();
        append(got, pieces.take());
    }
    pieces.finish();
    append(got, pieces.take());
    check(got, text);
    if (!pauses) require(joined(got) == joined(expected), "input in pieces gives the same lines");
    return 0;
}
