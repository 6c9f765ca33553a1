#include <gtest/gtest.h>

#include <cerrno>

#include "io/fd.hpp"
#include "io/pty.hpp"
#include "io/result.hpp"

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
    auto pty = io::open_pty();
    ASSERT_TRUE(pty);
    const int number = pty->master.get();

    io::Fd moved = std::move(pty->master);
    EXPECT_FALSE(pty->master);
    EXPECT_EQ(moved.get(), number);
    moved.reset();

    EXPECT_EQ(::close(number), -1);
    EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace vserd
