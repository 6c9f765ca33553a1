#include "vserctl/child_process.hpp"

#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "vserctl/argument_pointers.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

constexpr int exit_cannot_run = 126;
constexpr int exit_not_found = 127;
constexpr int exit_signal_base = 128;
constexpr std::array passed_on{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/// This process's environment with `variables` in place of those of the same name.
std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
    std::vector<std::string> all = variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view inherited{*entry};
        const auto name = inherited.substr(0, inherited.find('=') + 1);
        const bool replaced = std::any_of(variables.begin(), variables.end(),
                                          [&](const std::string& variable) { return variable.starts_with(name); });
        if (!replaced) all.emplace_back(inherited);
    }
    return all;
}

/// Returns the errno of a failure.
int start(const ChildProcess& command, const sigset_t& mask, pid_t& pid) {
    const std::vector<char*> arguments = argument_pointers(command.words);
    const std::vector<std::string> environment = environment_with(command.variables);
    const std::vector<char*> variables = argument_pointers(environment);
    sigset_t ignored;  // by main()
    sigemptyset(&ignored);
    for (const int number : {SIGPIPE, SIGXFSZ}) sigaddset(&ignored, number);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    const int failure = ::posix_spawnp(&pid, arguments[0], nullptr, &attributes, arguments.data(), variables.data());
    posix_spawnattr_destroy(&attributes);
    return failure;
}

/// The exit status of the command, if it has ended.
std::optional<int> ended(pid_t pid) {
    int status = 0;
    const pid_t waited = ::waitpid(pid, &status, WNOHANG);
    if (waited == 0 || (waited < 0 && errno == EINTR)) return std::nullopt;
    if (waited < 0) return exit_cannot_run;
    return WIFSIGNALED(status) ? exit_signal_base + WTERMSIG(status) : WEXITSTATUS(status);
}

int wait_for(pid_t pid) {
    const sigset_t signals = signals_to_wait_for();
    for (;;) {
        if (const auto status = ended(pid)) return *status;
        siginfo_t info{};
        const int number = ::sigwaitinfo(&signals, &info);
        if (number > 0 && number != SIGCHLD && info.si_code <= 0) ::kill(pid, number);
    }
}

}  // namespace

sigset_t signals_to_wait_for() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : passed_on) sigaddset(&signals, number);
    sigaddset(&signals, SIGCHLD);
    return signals;
}

int run_command(const ChildProcess& command, const sigset_t& mask) {
    pid_t pid = 0;
    const int failure = start(command, mask, pid);
    if (failure == 0) {
        command.started(pid);
        return wait_for(pid);
    }
    put_message(fmt::format("vserctl: {}: {}\n", printable(command.words.front()), std::strerror(failure)));
    return failure == ENOENT ? exit_not_found : exit_cannot_run;
}

}  // namespace vserctl
