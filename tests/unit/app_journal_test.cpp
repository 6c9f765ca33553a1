#include "app/journal_queue.hpp"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "app/journal_repeats.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// What an output has taken; it takes nothing while it is stopped.
struct Taken {
    std::mutex mutex;
    std::condition_variable changed;
    bool stopped = false;
    bool stuck = false;
    std::vector<JournalLine> lines;

    void stop(bool on) {
        const std::lock_guard lock(mutex);
        stopped = on;
        changed.notify_all();
    }
    void wait_until_stuck() {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(changed.wait_for(lock, 30s, [this] { return stuck; }));
    }
    std::vector<std::string> texts() {
        const std::lock_guard lock(mutex);
        std::vector<std::string> texts;
        for (const JournalLine& line : lines) texts.push_back(line.text);
        return texts;
    }
};

class Output final : public JournalOutput {
public:
    explicit Output(std::shared_ptr<Taken> taken) : taken_(std::move(taken)) {}
    void write(const JournalLine& line) override {
        std::unique_lock lock(taken_->mutex);
        taken_->stuck = taken_->stopped;
        taken_->changed.notify_all();
        taken_->changed.wait(lock, [this] { return !taken_->stopped; });
        taken_->stuck = false;
        taken_->lines.push_back(line);
    }

private:
    std::shared_ptr<Taken> taken_;
};

class JournalQueueTest : public testing::Test {
protected:
    std::shared_ptr<Taken> taken = std::make_shared<Taken>();
    std::shared_ptr<JournalQueue> queue = std::make_shared<JournalQueue>(std::make_unique<Output>(taken));
    spdlog::logger log{"test", queue};
};

std::string letters(std::size_t number) {
    std::string text;
    for (; number > 0; number /= 26) text.push_back(static_cast<char>('a' + number % 26));
    return text;
}

TEST_F(JournalQueueTest, LinesComeOutInOrderWithTheFieldsOfTheThreadThatLogged) {
    journal_fields().push_back("PORT=board");
    log.info("one");
    journal_fields().clear();
    log.warn("two");

    queue->drain(30s);

    EXPECT_THAT(taken->texts(), ElementsAre("one", "two"));
    EXPECT_THAT(taken->lines[0].fields, ElementsAre("PORT=board"));
    EXPECT_TRUE(taken->lines[1].fields.empty());
    EXPECT_EQ(taken->lines[1].level, spdlog::level::warn);
}

TEST_F(JournalQueueTest, AnOutputThatTakesNothingStopsNobodyAndTheOldestLinesAreDroppedAndAnnounced) {
    taken->stop(true);
    log.info("stuck");
    taken->wait_until_stuck();

    for (std::size_t i = 0; i < JournalQueue::lines_max + 7; ++i) log.info("line " + letters(i));

    EXPECT_EQ(queue->dropped(), 7U);
    queue->drain(0ms);  // gives up
    taken->stop(false);
    queue->drain(30s);
    const auto texts = taken->texts();
    ASSERT_EQ(texts.size(), JournalQueue::lines_max + 2);
    EXPECT_EQ(texts[0], "stuck");
    EXPECT_THAT(texts[1], HasSubstr("7 lines were dropped"));
    EXPECT_EQ(texts[2], "line " + letters(7));
}

TEST_F(JournalQueueTest, TheEndDoesNotWaitForAnOutputThatTakesNothing) {
    taken->stop(true);
    log.info("stuck");
    taken->wait_until_stuck();
    log.sinks().clear();

    queue.reset();  // in less time than the test has

    taken->stop(false);
}

JournalLine line(std::string text, std::string port = "board") {
    return {spdlog::level::info, {}, std::move(text), {"PORT=" + port}};
}

TEST(JournalRepeats, WhatAFlappingPortSaysIsSummedUpAndOtherPortsAreHeard) {
    JournalRepeats repeats;
    const JournalRepeats::Time begin{};
    std::size_t written = 0;

    for (int i = 0; i < 500; ++i) {
        written += repeats.is_one_too_many(line("online on /dev/pts/" + std::to_string(i)), begin) ? 0 : 1;
        written += repeats.is_one_too_many(line("offline"), begin) ? 0 : 1;
    }

    EXPECT_EQ(written, 2 * JournalQueue::repeats_max);
    EXPECT_FALSE(repeats.is_one_too_many(line("offline", "other"), begin));
    EXPECT_TRUE(repeats.sums(begin + JournalQueue::repeat_window - 1ns).empty());
    const auto sums = repeats.sums(begin + JournalQueue::repeat_window);
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_THAT(sums[0].text, HasSubstr("offline (and 480 lines like it, in 10 s)"));
    EXPECT_THAT(sums[1].text, HasSubstr("online on /dev/pts/499 (and 480"));
    EXPECT_FALSE(repeats.is_one_too_many(line("offline"), begin + JournalQueue::repeat_window));
}

TEST(JournalRepeats, WhatIsForDebuggingIsNeverLeftOut) {
    JournalRepeats repeats;
    JournalLine debug = line("again");
    debug.level = spdlog::level::debug;

    for (int i = 0; i < 100; ++i) EXPECT_FALSE(repeats.is_one_too_many(debug, {}));
}

}  // namespace
}  // namespace vserd
