#include "base/text.hpp"

#include <gtest/gtest.h>

namespace vserd::base {
namespace {

using namespace std::string_literals;

TEST(PrintableText, KeepsTextAsItIs) {
    for (const auto* text : {"", "minicom", "Me\u00DFger\u00E4t \u20AC \U0001F600", "\u00A0\uD7FF\uE000\U0010FFFF"}) {
        EXPECT_EQ(printable_text(text), text);
    }
}

TEST(PrintableText, ReplacesEachByteThatBelongsToNoCharacter) {
    EXPECT_EQ(printable_text("nr-\xC3"), "nr-\uFFFD");                          // cut in the middle
    EXPECT_EQ(printable_text("\xE2\x82"), "\uFFFD\uFFFD");                      // cut later
    EXPECT_EQ(printable_text("\xE2\x82z"), "\uFFFD\uFFFDz");                    // the next character survives
    EXPECT_EQ(printable_text("\xC0\xAF"), "\uFFFD\uFFFD");                      // overlong
    EXPECT_EQ(printable_text("\xE0\x9F\xBF"), "\uFFFD\uFFFD\uFFFD");            // overlong
    EXPECT_EQ(printable_text("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // a surrogate
    EXPECT_EQ(printable_text("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
    EXPECT_EQ(printable_text("\xFF"), "\uFFFD");
}

TEST(PrintableText, ReplacesWhatATerminalOrALogWouldObey) {
    EXPECT_EQ(printable_text("a\nb\tc\x1B[2J\x7F"), "a\uFFFDb\uFFFDc\uFFFD[2J\uFFFD");
    EXPECT_EQ(printable_text("\0x"s), "\uFFFDx");
    EXPECT_EQ(printable_text("\xC2\x9B"), "\uFFFD\uFFFD");  // CSI as one character
}

TEST(PrintableText, MakesAnyTwoBytesValid) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string raw{static_cast<char>(first), static_cast<char>(second)};

            const std::string text = printable_text(raw);

            EXPECT_EQ(printable_text(text), text) << first << ' ' << second;
        }
    }
}

}  // namespace
}  // namespace vserd::base
