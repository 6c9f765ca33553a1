#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <thread>

#include "integration/vserctl_support.hpp"

namespace vserd::test {
namespace {

using testing::HasSubstr;

/// What the command prints; its exit status is ignored.
std::string output_of(const std::string& command) {
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string out;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
    ::pclose(pipe);
    return out;
}

/// A tmux server of its own with one window that runs a shell.
class Tmux {
public:
    Tmux() { tmux("-f /dev/null new-session -d -x 100 -y 30 env PS1='ready$ ' TERM=screen sh"); }
    ~Tmux() { tmux("kill-server"); }
    Tmux(const Tmux&) = delete;
    Tmux& operator=(const Tmux&) = delete;

    std::string tmux(const std::string& command) const {
        return output_of("tmux -S " + (folder_.path() / "tmux.sock").string() + " " + command);
    }
    void type(const std::string& keys) const { tmux("send-keys " + keys); }
    std::string screen() const { return tmux("capture-pane -p -J"); }

    /// Waits until the text is on the screen and returns the screen.
    std::string expect(const std::string& text) const {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        for (;;) {
            auto now = screen();
            if (now.find(text) != std::string::npos || std::chrono::steady_clock::now() > deadline) return now;
            std::this_thread::yield();  // capture-pane itself takes some milliseconds
        }
    }

private:
    ScratchFolder folder_;
};

TEST(VserctlInTmux, IsAConsoleAndLeavesTheShellAsItWas) {
    if (output_of("tmux -V").find("tmux ") != 0) GTEST_SKIP() << "tmux is not installed";
    SimulatedDaemon daemon;
    const Tmux tmux;
    ASSERT_THAT(tmux.expect("ready$"), HasSubstr("ready$"));

    tmux.type("'" + program("vserctl") + " -s " + daemon.address() +
              " attach console; stty -a | grep -o .icanon; echo status=$?' Enter");
    ASSERT_THAT(tmux.expect("attached to console"), HasSubstr("attached to console"));
    tmux.type("'echo in tmux' Enter");
    EXPECT_THAT(tmux.expect("\nin tmux\n"), HasSubstr("\nin tmux\n"));
    tmux.tmux("resize-window -x 80 -y 20");
    tmux.type("'echo smaller' Enter");
    EXPECT_THAT(tmux.expect("\nsmaller\n"), HasSubstr("\nsmaller\n"));
    tmux.type("C-] .");

    const auto after = tmux.expect("status=0");
    EXPECT_THAT(after, HasSubstr("left console at offset"));
    EXPECT_THAT(after, HasSubstr("\n icanon"));
}

}  // namespace
}  // namespace vserd::test
