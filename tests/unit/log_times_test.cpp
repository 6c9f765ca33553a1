#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "log/byte_log.hpp"

namespace vserd::log {
namespace {

using namespace std::chrono_literals;

/// The log of one port in a memory file, which each process and each boot opens.
class LogTimes : public testing::Test {
protected:
    ~LogTimes() override { ::unsetenv("VSERD_BOOT_ID"); }

    static void boot(const std::string& id) { ::setenv("VSERD_BOOT_ID", id.c_str(), 1); }
    LogStoreRef created() const { return LogStore::create(again(), identity_, false).value(); }
    LogStoreRef opened() const { return LogStore::open(again(), identity_).value(); }

    const WallTime right_{std::chrono::hours{24 * 365 * 56}};
    const BootTime booted_{};

private:
    base::Fd again() const { return base::Fd(::dup(file_.get())); }

    const LogIdentity identity_{"board", "/dev/ttyUSB0", 3 * block_bytes};
    const base::Fd file_{::memfd_create("log", MFD_CLOEXEC)};
};

TEST_F(LogTimes, AfterARebootTimesAreThoseThatTheBootBeforeKnewAtItsEnd) {
    boot("before");
    std::uint64_t boot_before = 0;
    {
        ByteLog log(created());
        log.append(std::as_bytes(std::span{"early", 5}), {WallTime{}, booted_ + 10s});  // before the clock was set
        log.append_event(port::BreakSent{1ms}, {WallTime{}, booted_ + 10s});
        log.append(std::as_bytes(std::span{"late", 4}), {right_ + 20s, booted_ + 20s});
        boot_before = log.store().header().marks_boot;
    }
    boot("after");
    for (int process = 0; process < 2; ++process) {
        const ByteLog next(opened());
        Cursor cursor;

        const auto early = std::get<DataItem>(*next.read(cursor, 100));
        const auto event = std::get<EventItem>(*next.read(cursor, 100));

        EXPECT_EQ(early.received.wall, right_ + 10s);
        EXPECT_EQ(early.received.boot, before_this_boot);
        EXPECT_EQ(event.at.wall, right_ + 10s);
        EXPECT_EQ(next.at_time(right_ + 15s).offset, 5U);
        next.store().header().marks_boot = boot_before;  // as if it was killed before it had converted all marks
    }
}

TEST_F(LogTimes, TimesOutliveMoreBootsThanTheClocksThatAreKept) {
    constexpr int boots = 7;
    for (int number = 0; number < boots; ++number) {
        boot(std::to_string(number));
        ByteLog log(number == 0 ? created() : opened());
        // The later boots are faster, so that their times since boot are earlier.
        const auto up = std::chrono::seconds{100 - number};
        log.append(std::as_bytes(std::span{"x", 1}), {right_ + std::chrono::hours{number} + up, booted_ + up});
    }

    boot("last");
    const ByteLog next(opened());

    Cursor cursor;
    for (int number = 0; number < boots; ++number) {
        const auto data = std::get<DataItem>(*next.read(cursor, 1, Times::exact));
        EXPECT_EQ(data.received.wall, right_ + std::chrono::hours{number} + std::chrono::seconds{100 - number})
            << number;
        EXPECT_EQ(data.received.boot, before_this_boot) << number;
        EXPECT_EQ(next.at_time(data.received.wall).offset, static_cast<std::uint64_t>(number)) << number;
    }
}

}  // namespace
}  // namespace vserd::log
