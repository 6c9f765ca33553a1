#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd {
namespace {

TEST(ErrnoError, SaysWhatFailedAndWhy) {
    const Error error = errno_error("open /dev/ttyUSB0", EBUSY);

    EXPECT_EQ(error.failure, Failure::io);
    EXPECT_EQ(error.errno_value, EBUSY);
    EXPECT_EQ(error.message, "open /dev/ttyUSB0: Device or resource busy");
}

TEST(ErrnoError, TakesTheCurrentErrnoByDefault) {
    errno = ENXIO;

    EXPECT_EQ(errno_error("read").errno_value, ENXIO);
}

TEST(ErrnoName, IsTheSymbolOrTheNumber) {
    EXPECT_EQ(errno_name(EPERM), "EPERM");
    EXPECT_EQ(errno_name(0), "0");
    EXPECT_EQ(errno_name(99999), "99999");
}

TEST(Result, ValueOfAFailureIsABugThatThrows) {
    const Result<int> failed = errno_error("open", ENOENT);

    EXPECT_THROW(static_cast<void>(failed.value()), std::logic_error);
}

TEST(Fd, ClosesWhatItOwnsAndNothingElse) {
    base::Fd first(::eventfd(0, EFD_CLOEXEC));
    ASSERT_TRUE(first);
    const int number = first.get();

    base::Fd moved = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): a moved-from Fd is empty
    EXPECT_EQ(moved.get(), number);
    moved.reset();

    EXPECT_EQ(::close(number), -1);
    EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace vserd
