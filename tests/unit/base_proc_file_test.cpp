#include "base/proc_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace vserd::base {
namespace {

using testing::StartsWith;

TEST(ProcFile, IsReadToItsEnd) {
    EXPECT_THAT(read_proc_file("/proc/self/stat"), StartsWith(std::to_string(::getpid()) + " ("));
}

TEST(ProcFile, WhatOpensAndCannotBeReadIsEmpty) {
    // A directory opens and fails to read, as the file of a process that has just ended does.
    EXPECT_EQ(read_proc_file("/proc/self"), "");
    EXPECT_EQ(read_proc_file("/proc/no-such-file"), "");
}

}  // namespace
}  // namespace vserd::base
