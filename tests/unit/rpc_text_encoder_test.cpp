#include "rpc/text_encoder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace vserd::rpc {
namespace {

#define BAD "\xEF\xBF\xBD"

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

/// What comes out when `input` arrives in pieces of `piece` bytes, and ends.
std::string encoded(std::string_view input, std::size_t piece) {
    TextEncoder encoder;
    std::string text;
    for (std::size_t at = 0; at < input.size(); at += piece) encoder.append(bytes(input.substr(at, piece)), text);
    encoder.flush(text);
    return text;
}

struct Case {
    const char* name;
    std::string_view input;
    std::string_view output;
};

using namespace std::string_view_literals;

const Case cases[] = {
    {"ascii", "plain"sv, "plain"},
    {"nul_and_controls", "a\0\x1b\x7f"sv, "a\0\x1b\x7f"sv},
    {"two_bytes", "\xC3\xA9"sv, "\xC3\xA9"},
    {"three_bytes", "\xE2\x82\xAC"sv, "\xE2\x82\xAC"},
    {"four_bytes", "\xF0\x9F\x98\x80"sv, "\xF0\x9F\x98\x80"},
    {"limits", "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"sv,
     "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
    {"lone_continuation", "\x80\xBF"sv, BAD BAD},
    {"never_valid", "\xC0\xC1\xF5\xFE\xFF"sv, BAD BAD BAD BAD BAD},
    {"overlong_two", "\xC0\xAF"sv, BAD BAD},
    {"overlong_three", "\xE0\x9F\xBF"sv, BAD BAD BAD},
    {"overlong_four", "\xF0\x8F\xBF\xBF"sv, BAD BAD BAD BAD},
    {"surrogate", "\xED\xA0\x80"sv, BAD BAD BAD},
    {"above_the_last", "\xF4\x90\x80\x80"sv, BAD BAD BAD BAD},
    {"cut_by_ascii", "\xE2\x82z"sv, BAD BAD "z"},
    {"cut_by_a_character", "\xF0\x9F\x98\xC3\xA9"sv, BAD BAD BAD "\xC3\xA9"},
    {"cut_by_a_lead", "\xE2\xE2\x82\xAC"sv, BAD "\xE2\x82\xAC"},
    {"unfinished_two", "a\xC3"sv, "a" BAD},
    {"unfinished_three", "a\xE2\x82"sv, "a" BAD BAD},
    {"unfinished_four", "a\xF0\x9F\x98"sv, "a" BAD BAD BAD},
};

class TextEncoderTable : public ::testing::TestWithParam<Case> {};

TEST_P(TextEncoderTable, GivesTheSameTextHoweverTheBytesAreCut) {
    for (const std::size_t piece : {1, 2, 3, 4, 100}) {
        EXPECT_EQ(encoded(GetParam().input, piece), GetParam().output) << "in pieces of " << piece;
    }
}

INSTANTIATE_TEST_SUITE_P(Rpc, TextEncoderTable, ::testing::ValuesIn(cases),
                         [](const auto& table_case) { return std::string(table_case.param.name); });

TEST(TextEncoder, KeepsBackOnlyWhatMayBecomeACharacter) {
    TextEncoder encoder;
    std::string text;

    encoder.append(bytes("ab\xE2\x82"), text);
    EXPECT_EQ(text, "ab");
    EXPECT_EQ(encoder.kept_bytes(), 2U);

    encoder.append(bytes("\xAC"), text);
    EXPECT_EQ(text, "ab\xE2\x82\xAC");
    EXPECT_EQ(encoder.kept_bytes(), 0U);
}

}  // namespace
}  // namespace vserd::rpc
