#include "io/answer_wait.hpp"

#include <gtest/gtest.h>

namespace vserd::io {
namespace {

using namespace std::chrono_literals;

/// Sends, and returns whether the loop would poll for the answer.
bool polls_after_send(AnswerWait& wait, AnswerWait::Time now) {
    wait.begin(now);
    const bool polls = wait.goes_on(now + 1us);
    wait.pause();
    return polls;
}

class AnswerWaitTest : public testing::Test {
protected:
    /// The sends until the next one for which the loop polls; each is an hour after the one before.
    unsigned sends_until_poll() {
        unsigned sends = 1;
        while (!polls_after_send(wait_, now_ += 1h)) ++sends;
        return sends;
    }

    AnswerWait wait_;
    AnswerWait::Time now_{1h};
};

TEST_F(AnswerWaitTest, EndsAfterItsTime) {
    EXPECT_FALSE(wait_.goes_on(now_));

    wait_.begin(now_);

    EXPECT_TRUE(wait_.goes_on(now_ + AnswerWait::time_max - 1us));
    EXPECT_FALSE(wait_.goes_on(now_ + AnswerWait::time_max));
}

TEST_F(AnswerWaitTest, AnsweredSendsAreAllWaitedFor) {
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(sends_until_poll(), 1U);
        wait_.answered();
    }
}

TEST_F(AnswerWaitTest, EachWaitInVainDoublesTheSendsWithoutOne) {
    EXPECT_EQ(sends_until_poll(), 1U);
    for (const unsigned expected : {2U, 4U, 8U, 16U, 32U, 64U, 64U}) EXPECT_EQ(sends_until_poll(), expected);

    wait_.answered();
    EXPECT_EQ(sends_until_poll(), 32U);
}

TEST_F(AnswerWaitTest, GivesUpWhenAnotherThreadTookTheCpu) {
    wait_.begin(now_);
    EXPECT_TRUE(wait_.goes_on(now_));
    EXPECT_FALSE(wait_.goes_on(now_ + AnswerWait::poll_max + 1us));
    wait_.pause();

    EXPECT_EQ(sends_until_poll(), AnswerWait::skipped_max + 1);
}

TEST_F(AnswerWaitTest, TimeBetweenTwoWaitsIsNoInterruption) {
    wait_.begin(now_);
    EXPECT_TRUE(wait_.goes_on(now_));
    wait_.pause();
    wait_.answered();

    EXPECT_EQ(sends_until_poll(), 1U);
}

}  // namespace
}  // namespace vserd::io
