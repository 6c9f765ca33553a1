#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "search/line_selector.hpp"

namespace vserd::search {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Patterns patterns(const std::vector<std::string>& texts) {
    auto compiled = compile(texts, "patterns");
    EXPECT_TRUE(compiled.has_value()) << compiled.error().message;
    return compiled ? std::move(*compiled) : Patterns{};
}

std::string refusal(const std::string& text) {
    const auto compiled = compile(text, "match");
    if (compiled) return {};
    EXPECT_EQ(compiled.error().failure, Failure::invalid_argument);
    EXPECT_EQ(compiled.error().subject, "match");
    return compiled.error().message;
}

/// "OFFSET:BYTES", with '|' around what matched.
std::string shown(const Line& line) {
    std::string text = line.bytes;
    if (line.match) {
        text.insert(static_cast<std::size_t>(line.match->to - line.offset), "|");
        text.insert(static_cast<std::size_t>(line.match->from - line.offset), "|");
    }
    return std::to_string(line.offset) + ":" + text;
}

std::vector<std::string> shown(const std::vector<Line>& lines) {
    std::vector<std::string> all;
    for (const Line& line : lines) all.push_back(shown(line));
    return all;
}

struct Searching {
    explicit Searching(const std::vector<std::string>& texts, const Context& context = {}, std::uint64_t offset = 0)
        : selector(patterns(texts), offset, context) {}

    Searching& add(std::string_view bytes) {
        selector.add(bytes, Time{});
        return *this;
    }
    Searching& pause() {
        selector.pause();
        return *this;
    }
    Searching& finish() {
        selector.finish();
        return *this;
    }
    std::vector<std::string> take() { return shown(selector.take()); }

    LineSelector selector;
};

TEST(Search, FindsTheLinesThatMatchWithTheirOffsets) {
    EXPECT_THAT(Searching({"o+"}).add("one\ntwo\nsix\nfoo\n").take(),
                ElementsAre("0:|o|ne\n", "4:tw|o|\n", "12:f|oo|\n"));
    EXPECT_THAT(Searching({"o+"}, {}, 1000).add("six\none").take(), IsEmpty());
    EXPECT_THAT(Searching({"o+"}, {}, 1000).add("six\none").finish().take(), ElementsAre("1004:|o|ne"));
}

TEST(Search, LinesEndWithLfCrLfOrCr) {
    EXPECT_THAT(Searching({"^b$"}).add("a\r\nb\r\nb\rb\nc").finish().take(),
                ElementsAre("3:|b|\r\n", "6:|b|\r", "8:|b|\n"));
    EXPECT_THAT(Searching({"^$"}).add("a\r\nb\r\n\r\n\n\rc\n").take(), ElementsAre("6:||\r\n", "8:||\n", "9:||\r"));
}

TEST(Search, AMatchNeverExtendsOverALineEnd) {
    for (const char* pattern : {"a\\s+b", "a[^x]b", "(?s)a.b", "a\\nb", "a\nb", "a\\rb", "a\\Cb", "a(?:\\C)b"}) {
        EXPECT_THAT(Searching({pattern}).add("a\nb\ra\r\nb\n").finish().take(), IsEmpty()) << pattern;
    }
}

TEST(Search, AnchorsAreThoseOfALineWhateverTheFlags) {
    for (const char* pattern : {"^b$", "\\Ab\\z", "(?-m)^b$", "(?m:^b$)", "\\bb\\b"}) {
        EXPECT_THAT(Searching({pattern}).add("a\nb\nc\n").take(), ElementsAre("2:|b|\n")) << pattern;
    }
}

TEST(Search, AnySplitOfTheInputGivesTheSameLines) {
    const std::string text =
        "one\r\ntwo\rthree\nfour\r\n\r\nfi\xff\xc3\xa4ve\n" + std::string(9000, 'x') + "six\nseven\r";
    for (const Context context : {Context{}, Context{2, 0}, Context{0, 2}, Context{1, 1}}) {
        for (const std::vector<std::string>& texts :
             {std::vector<std::string>{"o"}, {"^$"}, {"e$", "x"}, {"\xc3\xa4"}, {"six"}, {"\\Af"}}) {
            const auto whole = Searching(texts, context).add(text).finish().take();
            for (std::size_t at = 0; at <= text.size(); at += at < 50 || at > 8900 ? 1 : 97) {
                Searching run(texts, context);
                EXPECT_EQ(run.add(text.substr(0, at)).add(text.substr(at)).finish().take(), whole) << texts[0] << at;
            }
            Searching bytes(texts, context);
            for (const char byte : text) bytes.add({&byte, 1});
            EXPECT_EQ(bytes.finish().take(), whole) << texts[0];
        }
    }
}

TEST(Search, AnUnfinishedLineIsSearchedAfterAPause) {
    Searching run({"login: $"});
    EXPECT_THAT(run.add("Debian\r\nlogin: ").take(), IsEmpty());
    EXPECT_TRUE(run.selector.matcher().has_unsearched());

    EXPECT_THAT(run.pause().take(), ElementsAre("8:|login: |"));

    EXPECT_FALSE(run.selector.matcher().has_unsearched());
    EXPECT_EQ(run.selector.matcher().line(), 8U);
    EXPECT_THAT(run.pause().take(), IsEmpty());
}

TEST(Search, NoByteIsSelectedTwice) {
    Searching run({"log"}, {1, 1});
    EXPECT_THAT(run.add("a\nlog").pause().take(), ElementsAre("0:a\n", "2:|log|"));
    EXPECT_THAT(run.add("in: ").pause().take(), ElementsAre("5:in: "));
    EXPECT_THAT(run.add("log\r").pause().take(), ElementsAre("9:log"));
    EXPECT_THAT(run.add("\nb\nc\nlog\n").take(), ElementsAre("12:\r\n", "14:b\n", "16:c\n", "18:|log|\n"));
}

TEST(Search, APauseWithoutAMatchDoesNotHideTheLine) {
    Searching run({"login:"});
    EXPECT_THAT(run.add("log").pause().take(), IsEmpty());
    EXPECT_THAT(run.add("in:").pause().take(), ElementsAre("0:|login:|"));
}

TEST(Search, ALongLineIsSearchedInPieces) {
    const std::string x(line_bytes_max, 'x');

    EXPECT_THAT(Searching({"^y"}).add(x + "y\n").take(), ElementsAre("4096:|y|\n"));
    EXPECT_THAT(Searching({"x$"}).add(x + "\r\n").take().size(), 1U);
    EXPECT_THAT(Searching({"xy"}).add(x + "y\n").take(), IsEmpty());
    EXPECT_THAT(Searching({"z"}).add(x + x + x + "z").finish().take(), ElementsAre("12288:|z|"));
}

TEST(Search, ContextIsGivenOnceAndNotBeyondAGap) {
    EXPECT_THAT(Searching({"x"}, {1, 1}).add("a\nb\nx\nc\nx\nd\ne\nf\nx").finish().take(),
                ElementsAre("2:b\n", "4:|x|\n", "6:c\n", "8:|x|\n", "10:d\n", "14:f\n", "16:|x|"));

    Searching run({"x"}, {3, 3});
    run.add("a\nx\nb").finish();
    run.selector.restart(100);
    EXPECT_THAT(run.add("c\nx\n").take(), ElementsAre("0:a\n", "2:|x|\n", "4:b", "100:c\n", "102:|x|\n"));
}

TEST(Search, TheFirstMatchOfALineCountsAndItsFirstPattern) {
    Searching run({"b(c)?", "(a)(z)?", "a."});
    run.add("xabc\n");

    const auto lines = run.selector.take();

    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(shown(lines[0]), "0:x|a|bc\n");
    EXPECT_EQ(lines[0].match->pattern, 1U);
    EXPECT_THAT(lines[0].match->groups, ElementsAre("a", ""));
}

TEST(Search, LinesAreBytes) {
    EXPECT_THAT(Searching({"a.b"})
                    .add("a\xff"
                         "b\n")
                    .take()
                    .size(),
                1U);
    EXPECT_THAT(Searching({"\xc2\xb0"}).add("20 \xc2\xb0\n").take().size(), 1U);
    EXPECT_THAT(Searching({"a\\x00b"}).add(std::string_view("a\0b\n", 4)).take().size(), 1U);
}

TEST(Search, EachLineHasTheTimeOfItsLastByte) {
    const Time start{std::chrono::seconds{100}};
    LineSelector selector(patterns({"."}), 0, {});
    selector.add("on", start);
    selector.add("e\ntw", start + std::chrono::seconds{1});
    selector.add("o\r", start + std::chrono::seconds{2});
    selector.add("\n", start + std::chrono::seconds{3});

    const auto lines = selector.take();

    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].received, start + std::chrono::seconds{1});
    EXPECT_EQ(lines[1].received, start + std::chrono::seconds{3});
}

TEST(Search, BadPatternsNameTheFieldAndTheReason) {
    EXPECT_THAT(refusal("a("), HasSubstr("match is not a regular expression of RE2: missing )"));
    EXPECT_THAT(refusal("(a)\\1"), HasSubstr("invalid escape sequence"));
    EXPECT_THAT(refusal("a(?=b)"), HasSubstr("invalid perl operator"));
    EXPECT_THAT(refusal(""), HasSubstr("match is empty"));
    EXPECT_THAT(refusal(std::string(1025, 'a')), HasSubstr("maximum is 1024"));
    EXPECT_THAT(refusal("(abcdefghij){900}"), HasSubstr("repeat less"));
    const auto many = compile(std::vector<std::string>(17, "a"), "patterns");
    ASSERT_FALSE(many.has_value());
    EXPECT_THAT(many.error().message, HasSubstr("17 entries"));
    const auto second = compile(std::vector<std::string>{"a", "("}, "patterns");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().subject, "patterns[1]");
}

TEST(Search, PatternsThatBacktrackElsewhereStayLinear) {
    const std::string line = std::string(4000, 'a') + "\n";
    std::string text;
    for (int i = 0; i < 50; ++i) text += line;
    for (const char* pattern : {"(a*)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)b", "(a?){200}b", "(x+x+)+y"}) {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_THAT(Searching({pattern}).add(text).finish().take(), IsEmpty()) << pattern;
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20}) << pattern;
    }
}

TEST(Search, MemoryIsBounded) {
    LineSelector selector(patterns({"never"}), 0, {100, 100});
    const std::string piece(60'000, 'x');
    for (int i = 0; i < 50; ++i) selector.add(piece, Time{});
    const auto& buffer = selector.matcher().buffer();

    EXPECT_LT(buffer.end_offset() - buffer.begin_offset(), 3 * context_bytes_max + line_bytes_max);
}

}  // namespace
}  // namespace vserd::search
