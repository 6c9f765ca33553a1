#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/config.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

class ConfigLoad : public testing::Test {
protected:
    ConfigLoad() {
        std::string pattern = testing::TempDir() + "vserd-config-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~ConfigLoad() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = folder_ / name;
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    static std::string problem_of(const std::string& path) {
        const auto result = load(path);
        return result ? "" : to_string(result.error().front());
    }

    std::filesystem::path folder_;
};

TEST_F(ConfigLoad, ReadsAFileAndNamesItInProblems) {
    const std::string good = write("good.toml", "[server]\nengine = \"epoll\"\n");
    const std::string bad = write("bad.toml", "[server]\nengine = 1\n");

    const auto result = load(good);

    ASSERT_TRUE(result);
    EXPECT_EQ(result->engine, "epoll");
    EXPECT_EQ(problem_of(bad), bad + ":2:10: 'engine' in [server] must be a string, not an integer");
}

TEST_F(ConfigLoad, SaysWhyAFileCannotBeRead) {
    const std::string missing = folder_ / "missing.toml";
    const std::string fifo = folder_ / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

    EXPECT_EQ(problem_of(missing),
              missing +
                  ": cannot be opened: No such file or directory; give the path of a configuration, or try "
                  "vserd --demo");
    EXPECT_EQ(problem_of(folder_), folder_.string() + ": is a directory, not a file");
    EXPECT_EQ(problem_of(fifo), fifo + ": is not a regular file");
}

TEST_F(ConfigLoad, SaysWhoMustBeAbleToReadIt) {
    const std::string path = write("secret.toml", "");
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    const uid_t user = ::geteuid();
    if (user == 0) {  // may read everything, so be nobody for a moment
        ASSERT_EQ(::seteuid(65534), 0);
    }

    const std::string problem = problem_of(path);
    ASSERT_EQ(::seteuid(user), 0);

    EXPECT_EQ(problem,
              path + ": cannot be opened: Permission denied; the user that vserd runs as must be able to read it");
}

TEST_F(ConfigLoad, TakesAFileOfTheLargestSizeAndRefusesOneByteMore) {
    std::string text;
    while (text.size() < file_bytes_max) text += "# " + std::string(61, 'x') + "\n";
    text.resize(file_bytes_max);

    EXPECT_EQ(problem_of(write("largest.toml", text)), "");
    const std::string path = write("larger.toml", text + "#");
    EXPECT_EQ(problem_of(path), path + ": is larger than 1MiB");
}

TEST_F(ConfigLoad, ExampleFileIsValid) {
    const auto result = load(VSERD_EXAMPLE_CONFIG);

    ASSERT_TRUE(result) << to_string(result.error().front());
    EXPECT_EQ(result->ports.size(), 2U);
    EXPECT_EQ(result->ports.front().name, "vser0");
}

}  // namespace
}  // namespace vserd::config
