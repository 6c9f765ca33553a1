#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

using std::chrono::milliseconds;

/// One key, without which the archive would be unset.
ParseResult archive_with(const std::string& line) {
    return parse("[archive]\ndirectory = \"/a\"\n" + line + "\n", "f");
}

std::vector<std::string> archive_problems(const std::string& text) {
    const auto result = parse(text, "f");
    std::vector<std::string> lines;
    if (result) return lines;
    for (const Problem& problem : result.error()) lines.push_back(to_string(problem));
    return lines;
}

TEST(ArchiveConfig, EveryKeyIsTakenOver) {
    const auto result = parse(R"(
[archive]
directory = "/var/log/vserd"
keep_days = 7
keep_bytes = "20GiB"
keep_free = "25%"
segment_bytes = "16MiB"
sync = "5s"
)",
                              "f");

    ASSERT_TRUE(result) << to_string(result.error().front());
    ASSERT_TRUE(result->archive);
    ArchiveEntry want;
    want.directory = "/var/log/vserd";
    want.keep_days = 7;
    want.keep_bytes = std::uint64_t{20} << 30;
    want.keep_free_percent = 25;
    want.keep_free_bytes = 0;
    want.segment_bytes = std::uint64_t{16} << 20;
    want.sync = milliseconds{5000};
    EXPECT_EQ(*result->archive, want);
}

TEST(ArchiveConfig, WithoutTheSectionThereIsNone) { EXPECT_FALSE(parse("", "f")->archive); }

TEST(ArchiveConfig, WithoutADirectoryThereIsNone) {
    for (const char* text : {"[archive]\n", "[archive]\ndirectory = \"\"\nkeep_days = 1\n"}) {
        const auto result = parse(text, "f");

        ASSERT_TRUE(result) << to_string(result.error().front());
        EXPECT_FALSE(result->archive);
    }
}

TEST(ArchiveConfig, ATableThatForgetsItsDirectoryIsAWarning) {
    EXPECT_EQ(parse("[archive]\nkeep_days = 1\n", "f")->warnings,
              (std::vector<std::string>{"[archive] has no 'directory', so nothing is archived"}));
    EXPECT_TRUE(parse("[archive]\ndirectory = \"\"\n", "f")->warnings.empty()) << "said on purpose";
    EXPECT_TRUE(parse("", "f")->warnings.empty());
}

TEST(ArchiveConfig, TheDirectoryAloneUsesDefaults) {
    const auto result = archive_with("");

    ASSERT_TRUE(result) << to_string(result.error().front());
    ArchiveEntry want;
    want.directory = "/a";
    EXPECT_EQ(*result->archive, want);
    EXPECT_EQ(want.keep_days, 30U);
    EXPECT_EQ(want.keep_bytes, 0U);
    EXPECT_EQ(want.keep_free_percent, 15);
    EXPECT_EQ(want.segment_bytes, std::uint64_t{64} << 20);
    EXPECT_EQ(want.sync, milliseconds{1000});
}

TEST(ArchiveConfig, FreeSpaceIsAShareOrASize) {
    const auto size = archive_with("keep_free = \"10GiB\"");
    const auto nothing = archive_with("keep_free = \"0%\"");

    ASSERT_TRUE(size && nothing);
    EXPECT_EQ(size->archive->keep_free_percent, 0);
    EXPECT_EQ(size->archive->keep_free_bytes, std::uint64_t{10} << 30);
    EXPECT_EQ(nothing->archive->keep_free_percent, 0);
    EXPECT_EQ(nothing->archive->keep_free_bytes, 0U);
}

TEST(ArchiveConfig, LimitsAreAcceptedAtTheirEdges) {
    for (const std::string line :
         {"keep_days = 0", "keep_days = 36500", "keep_bytes = \"0B\"", "keep_bytes = \"1048576GiB\"",
          "keep_free = \"90%\"", "keep_free = \"0B\"", "segment_bytes = \"64KiB\"", "segment_bytes = \"1GiB\"",
          "sync = \"100ms\"", "sync = \"10min\""}) {
        const auto result = archive_with(line);

        EXPECT_TRUE(result) << line << ": " << to_string(result.error().front());
    }
    EXPECT_TRUE(parse("[archive]\ndirectory = \"/" + std::string(path_bytes_max - 1, 'a') + "\"\n", "f"));
}

struct ArchiveCase {
    const char* name;
    std::string text;
    std::vector<std::string> problems;
};
void PrintTo(const ArchiveCase& c, std::ostream* out) { *out << c.name; }

class ArchiveProblem : public testing::TestWithParam<ArchiveCase> {};

TEST_P(ArchiveProblem, IsReportedWithPlaceAndFix) { EXPECT_EQ(archive_problems(GetParam().text), GetParam().problems); }

const std::string bad_directory =
    "f:2:13: 'directory' in [archive] must be the absolute path of a directory, or \"\" for no archive";
const std::string bad_keep_free =
    "f:2:13: 'keep_free' in [archive] must be a share of the file system such as \"15%\", at most \"90%\", or a size "
    "such as "
    "\"10GiB\"";

const std::vector<ArchiveCase> archive_cases{
    {"misspelt_key",
     "[archive]\nkeep_day = 3\n",
     {"f:2:1: unknown key 'keep_day' in [archive]; did you mean 'keep_days'?"}},
    {"relative_directory", "[archive]\ndirectory = \"log\"\n", {bad_directory}},
    {"long_directory", "[archive]\ndirectory = \"/" + std::string(path_bytes_max, 'a') + "\"\n", {bad_directory}},
    {"directory_as_number",
     "[archive]\ndirectory = 1\n",
     {"f:2:13: 'directory' in [archive] must be a string, not an integer"}},
    {"negative_days",
     "[archive]\nkeep_days = -1\n",
     {"f:2:13: 'keep_days' in [archive] must be from 0 to 36500, not -1"}},
    {"too_many_days",
     "[archive]\nkeep_days = 36501\n",
     {"f:2:13: 'keep_days' in [archive] must be from 0 to 36500, not 36501"}},
    {"days_as_text",
     "[archive]\nkeep_days = \"30d\"\n",
     {"f:2:13: 'keep_days' in [archive] must be an integer, not a string"}},
    {"too_many_bytes",
     "[archive]\nkeep_bytes = \"1048577GiB\"\n",
     {"f:2:14: 'keep_bytes' in [archive] must be from 0B to 1048576GiB, not 1125900980584448 bytes"}},
    {"bytes_without_unit",
     "[archive]\nkeep_bytes = \"10\"\n",
     {"f:2:14: 'keep_bytes' in [archive]: '10' is not a size; write a whole number with B, KiB, MiB or GiB, such as "
      "\"64KiB\""}},
    {"free_share_above_limit", "[archive]\nkeep_free = \"91%\"\n", {bad_keep_free}},
    {"free_share_without_number", "[archive]\nkeep_free = \"%\"\n", {bad_keep_free}},
    {"free_fraction", "[archive]\nkeep_free = \"1.5%\"\n", {bad_keep_free}},
    {"free_negative", "[archive]\nkeep_free = \"-1GiB\"\n", {bad_keep_free}},
    {"small_segment",
     "[archive]\nsegment_bytes = \"65535B\"\n",
     {"f:2:17: 'segment_bytes' in [archive] must be from 64KiB to 1GiB, not 65535 bytes"}},
    {"large_segment",
     "[archive]\nsegment_bytes = \"1073741825B\"\n",
     {"f:2:17: 'segment_bytes' in [archive] must be from 64KiB to 1GiB, not 1073741825 bytes"}},
    {"short_sync", "[archive]\nsync = \"99ms\"\n", {"f:2:8: 'sync' in [archive] must be from 100ms to 10min"}},
    {"long_sync", "[archive]\nsync = \"11min\"\n", {"f:2:8: 'sync' in [archive] must be from 100ms to 10min"}},
    {"sync_without_unit",
     "[archive]\nsync = \"1\"\n",
     {"f:2:8: 'sync' in [archive]: '1' is not a duration; write a whole number with ms, s, min or h, such as \"5s\""}},
    {"record_without_archive",
     "[[port]]\nname = \"a\"\ndevice = \"sim:echo\"\nrecord_tx = true\n",
     {"f:4:13: 'record_tx' in [[port]] needs an archive: give [archive] a 'directory'"}},
    {"archive_as_list",
     "[[archive]]\ndirectory = \"/a\"\n",
     {"f:1:1: 'archive' at the top level must be a table, not an array"}},
};
INSTANTIATE_TEST_SUITE_P(Archive, ArchiveProblem, testing::ValuesIn(archive_cases),
                         [](const auto& i) { return i.param.name; });

TEST(ArchiveConfig, APortRecordsWhatIsSentIfItSaysSo) {
    const auto result = archive_with(
        "[[port]]\nname = \"a\"\ndevice = \"sim:echo\"\nrecord_tx = true\n"
        "[[port]]\nname = \"b\"\ndevice = \"sim:echo\"\n");

    ASSERT_TRUE(result) << to_string(result.error().front());
    EXPECT_TRUE(result->ports[0].record_tx);
    EXPECT_FALSE(result->ports[1].record_tx);
}

TEST(ArchiveConfig, EveryProblemIsReported) {
    EXPECT_EQ(archive_problems("[archive]\ndirectory = \"x\"\nkeep_days = -1\nsync = \"1ms\"\n").size(), 3U);
}

}  // namespace
}  // namespace vserd::config
