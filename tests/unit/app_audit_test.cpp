#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include "app/audit_refusals.hpp"
#include "app/audit_writer.hpp"

namespace vserd {
namespace {

using access::AuditRecord;
using namespace std::chrono_literals;

AuditRecord refusal(const std::string& identity, const std::string& peer = "ipv4:192.0.2.1:4711") {
    return {.event = "refused", .identity = identity, .via = "grpc", .peer = peer, .port = "p", .outcome = "denied"};
}

class AuditFile : public testing::Test {
protected:
    AuditFile() : folder_(std::filesystem::temp_directory_path() / ("vserd-audit-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
        spdlog::default_logger_raw();  // created before the writers' threads, as in the daemon
    }
    ~AuditFile() override { std::filesystem::remove_all(folder_); }

    std::string path() const { return folder_ / "audit.jsonl"; }
    static std::string text_of(const std::string& file) {
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        return text.str();
    }
    /// The writer's thread does the work, so a condition is polled.
    static bool until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }

    const std::filesystem::path folder_;
};

TEST(AuditRecords, AreOneLineOfJsonWithoutEmptyFields) {
    const AuditRecord record{.time = std::chrono::system_clock::time_point{1s + 2us},
                             .event = "close",
                             .identity = "token:\"ci\\",
                             .port = "p\n",
                             .tx = access::TxRange{3, 8}};

    EXPECT_EQ(
        to_json_line(record),
        "{\"time\":\"1970-01-01T00:00:01.000002Z\",\"event\":\"close\",\"identity\":\"token:\\\"ci\\\\\",\"port\":\"p"
        "\uFFFD\",\"tx_from\":3,\"tx_to\":8}\n");
}

TEST(AuditRecords, HaveFieldsInTheJournal) {
    const AuditRecord record{.event = "open", .identity = "uid:1", .port = "p", .tx = access::TxRange{3, 8}};

    EXPECT_EQ(to_journal_fields(record), (std::vector<std::string>{"VSERD_EVENT=open", "VSERD_IDENTITY=uid:1", "PORT=p",
                                                                   "VSERD_TX_FROM=3", "VSERD_TX_TO=8"}));
}

TEST(AuditRefusals, AreCountedBeyondTheLimitAndAnnouncedAtTheEndOfTheWindow) {
    AuditRefusals refusals;
    const auto begin = AuditRefusals::Time{};
    std::size_t kept = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string peer = "ipv4:192.0.2.1:" + std::to_string(4000 + i);  // a connection for each
        if (!refusals.is_one_too_many(refusal("token:a", peer), begin)) ++kept;
    }
    EXPECT_EQ(kept, AuditRefusals::records_max);
    EXPECT_FALSE(refusals.is_one_too_many(refusal("token:b"), begin));
    EXPECT_TRUE(refusals.sums(begin + 9s).empty());

    const auto sums = refusals.sums(begin + AuditRefusals::window);

    ASSERT_EQ(sums.size(), 1U);
    EXPECT_EQ(sums[0].identity, "token:a");
    EXPECT_EQ(sums[0].detail, "90 more refusals in 10 s were not recorded one by one");
    EXPECT_TRUE(refusals.empty());
}

TEST(AuditRefusals, TooManyClientsShareOneCount) {
    AuditRefusals refusals;
    const auto begin = AuditRefusals::Time{};
    for (std::size_t i = 0; i < 4 * AuditRefusals::clients_max; ++i) {
        static_cast<void>(refusals.is_one_too_many(refusal("token:" + std::to_string(i)), begin));
    }

    const auto sums = refusals.sums(begin + AuditRefusals::window);

    ASSERT_EQ(sums.size(), 1U);
    EXPECT_EQ(sums[0].identity, "");
}

TEST_F(AuditFile, HasARecordForEachAdd) {
    {
        AuditWriter writer({path(), false});
        writer.add({.event = "open", .port = "p"});
        writer.add({.event = "close", .port = "p"});
    }

    const std::string text = text_of(path());
    EXPECT_EQ(std::ranges::count(text, '\n'), 3);
    EXPECT_LT(text.find("\"started\""), text.find("\"open\""));
    EXPECT_LT(text.find("\"open\""), text.find("\"close\""));
}

TEST_F(AuditFile, IsOpenedAgainAfterARename) {
    AuditWriter writer({path(), false});
    writer.add({.event = "open"});
    ASSERT_TRUE(until([&] { return text_of(path()).find("open") != std::string::npos; }));
    std::filesystem::rename(path(), path() + ".1");

    writer.reopen();
    writer.add({.event = "close"});

    ASSERT_TRUE(until([&] { return text_of(path()).find("close") != std::string::npos; }));
    EXPECT_EQ(text_of(path() + ".1").find("close"), std::string::npos);
}

TEST_F(AuditFile, AFullDiskForbidsChangesOnlyIfTheTrailIsRequired) {
    AuditWriter optional({"/dev/full", false});
    AuditWriter required({"/dev/full", true});
    ASSERT_TRUE(until([&] { return optional.errors() > 0 && required.errors() > 0; }));

    EXPECT_TRUE(optional.permits_changes());
    EXPECT_FALSE(required.permits_changes());

    required.apply({path(), true});
    EXPECT_TRUE(until([&] { return required.permits_changes(); }));
}

TEST_F(AuditFile, RecordsWaitWhileItCannotBeWrittenAndTheLostOnesAreAnnounced) {
    const std::string directory = folder_ / "later";
    AuditWriter writer({directory + "/audit.jsonl", false});
    ASSERT_TRUE(until([&] { return writer.errors() > 0; }));
    for (std::size_t i = 0; i < AuditWriter::records_max + 10; ++i) writer.add({.event = "open"});
    EXPECT_EQ(writer.lost(), 11U);  // the first record waits too

    std::filesystem::create_directory(directory);
    writer.reopen();

    const std::string file = directory + "/audit.jsonl";
    ASSERT_TRUE(until([&] { return text_of(file).find("\"lost\"") != std::string::npos; }));
    EXPECT_NE(text_of(file).find("11 records are missing here"), std::string::npos);
    const std::string text = text_of(file);
    EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<std::ptrdiff_t>(AuditWriter::records_max) + 1);
}

}  // namespace
}  // namespace vserd
