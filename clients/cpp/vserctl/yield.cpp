#include "vserctl/yield.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "vserctl/argument_pointers.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"
#include "vserctl/yielded_device.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr int exit_cannot_run = 126;
constexpr int exit_not_found = 127;
constexpr int exit_signal_base = 128;
constexpr std::array passed_on{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

sigset_t signals_to_wait_for() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : passed_on) sigaddset(&signals, number);
    sigaddset(&signals, SIGCHLD);
    return signals;
}

/// The words with the path in place of "{device}".
std::vector<std::string> with_device(std::vector<std::string> words, const std::string& path) {
    static const std::string place = "{device}";
    for (std::string& word : words) {
        for (std::size_t at = word.find(place); at != std::string::npos; at = word.find(place, at + path.size())) {
            word.replace(at, place.size(), path);
        }
    }
    return words;
}

/// Every client sees it, and arguments can be secrets.
std::string reason_of(const YieldCommand& command) {
    if (!command.reason.empty()) return command.reason;
    const std::string& program = command.words.front();
    return program.substr(program.rfind('/') + 1);
}

/// Starts the command with the signal mask that vserctl was started with. Returns the errno of a failure.
int start(const std::vector<std::string>& words, const sigset_t& mask, pid_t& pid) {
    const std::vector<char*> arguments = argument_pointers(words);
    sigset_t ignored;  // by main()
    sigemptyset(&ignored);
    for (const int number : {SIGPIPE, SIGXFSZ}) sigaddset(&ignored, number);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    const int failure = ::posix_spawnp(&pid, arguments[0], nullptr, &attributes, arguments.data(), environ);
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

/// Waits for the command. Passes on signals that were sent to vserctl alone: the terminal sends its own to both.
int wait_for(pid_t pid) {
    const sigset_t signals = signals_to_wait_for();
    for (;;) {
        if (const auto status = ended(pid)) return *status;
        siginfo_t info{};
        const int number = ::sigwaitinfo(&signals, &info);
        if (number > 0 && number != SIGCHLD && info.si_code <= 0) ::kill(pid, number);
    }
}

int run_command(const std::vector<std::string>& words, const sigset_t& mask) {
    pid_t pid = 0;
    const int failure = start(words, mask, pid);
    if (failure == 0) return wait_for(pid);
    put_message(fmt::format("vserctl: {}: {}\n", printable(words.front()), std::strerror(failure)));
    return failure == ENOENT ? exit_not_found : exit_cannot_run;
}

std::string client_name() {
    std::array<char, 48> host{};
    ::gethostname(host.data(), host.size() - 1);
    return std::string("vserctl@") + host.data();
}

struct Acquired {
    std::unique_ptr<YieldedDevice> device;
    std::string path;
};

client::Result<Acquired> acquire(const client::ConnectOptions& connect, const YieldCommand& command,
                                 const Options& options) {
    const auto client = client::Client::connect(options.server, connect);
    if (!client) return client.error();
    auto device = std::make_unique<YieldedDevice>(
        *client, YieldedDevice::Request{command.port, reason_of(command), client_name()}, put_note);
    auto path = device->acquire();
    if (!path) return path.error();
    return Acquired{std::move(device), *std::move(path)};
}

/// Threads that are started meanwhile have the signals blocked. In this thread they end vserctl until the command runs.
client::Result<Acquired> acquire_without_signals(const client::ConnectOptions& connect, const YieldCommand& command,
                                                 const Options& options, sigset_t& mask) {
    const sigset_t signals = signals_to_wait_for();
    std::optional<client::Result<Acquired>> result;
    ::pthread_sigmask(SIG_BLOCK, &signals, &mask);
    std::thread worker([&] { result = acquire(connect, command, options); });
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    worker.join();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return *std::move(result);
}

}  // namespace

int run_yield(const client::ConnectOptions& connect, const YieldCommand& command, const Options& options) {
    ::signal(SIGCHLD, SIG_DFL);  // if it was ignored, the command's exit status would be lost
    sigset_t mask;
    auto acquired = acquire_without_signals(connect, command, options, mask);
    if (!acquired) return print_error(acquired.error(), options.json);
    const int status = run_command(with_device(command.words, acquired->path), mask);
    acquired->device->release();
    return status;
}

}  // namespace vserctl
