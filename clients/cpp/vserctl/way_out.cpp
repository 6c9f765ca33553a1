#include "vserctl/way_out.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

namespace vserctl::way_out {
namespace {

struct Text {
    int fd = -1;
    std::size_t size = 0;
    std::array<char, text_bytes_max> bytes{};
};

// Two of them, so that a signal during set_text() finds a complete one.
std::array<Text, 2> texts;
volatile sig_atomic_t current_text = 0;

volatile sig_atomic_t modes_fd = -1;
termios modes{};

// The signals that end a process by default.
constexpr std::array crash_signals{SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,    SIGTRAP, SIGSYS,
                                   SIGXCPU, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL};
constexpr std::array end_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Async-signal-safe (POSIX). SA_RESETHAND: the raised signal has the default action.
void restore_and_die(int number) {
    const auto& text = texts[static_cast<std::size_t>(current_text)];
    pollfd out{.fd = text.fd, .events = POLLOUT, .revents = 0};
    // Do not block on a stopped terminal.
    if (text.size > 0 && ::poll(&out, 1, 0) == 1) [[maybe_unused]]
        const auto written = ::write(text.fd, text.bytes.data(), text.size);
    if (modes_fd >= 0) ::tcsetattr(modes_fd, TCSANOW, &modes);
    ::raise(number);
}

void install(std::span<const int> signals) {
    struct sigaction action {};
    action.sa_handler = restore_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (const int number : signals) {
        struct sigaction before {};
        // Keep signals ignored that the parent ignores, for example nohup.
        if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        ::sigaction(number, &action, nullptr);
    }
}

}  // namespace

void install_for_crashes() { install(crash_signals); }

void install_for_signals() {
    install_for_crashes();
    install(end_signals);
}

void set_modes(int fd, const termios& value) noexcept {
    modes_fd = -1;
    modes = value;
    modes_fd = fd;
}

void clear_modes() noexcept { modes_fd = -1; }

void set_text(int fd, std::string_view text) noexcept {
    const auto next = 1 - current_text;
    auto& slot = texts[static_cast<std::size_t>(next)];
    slot.fd = fd;
    slot.size = std::min(text.size(), slot.bytes.size());
    std::copy_n(text.begin(), slot.size, slot.bytes.begin());
    current_text = next;
}

}  // namespace vserctl::way_out
