#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace vserctl {

/// The command of `yield` and `lease`.
struct ChildProcess {
    std::vector<std::string> words;
    std::vector<std::string> variables = {};  ///< "NAME=VALUE", in addition to vserctl's environment
    /// Called when it runs, in the calling thread.
    std::function<void(pid_t)> started = [](pid_t) {};
};

/// Runs a command, with this signal mask, and returns its exit status: 127 if there is no such command, 126 if it cannot be run,
/// 128 + N if signal N ended it. Passes on signals that were sent to vserctl alone: the terminal sends its own to both.
/// Requires: the signals of signals_to_wait_for() are blocked.
int run_command(const ChildProcess& command, const sigset_t& mask);

sigset_t signals_to_wait_for();

/// Runs `work` in a thread. Threads that it starts have the signals of signals_to_wait_for() blocked. They end vserctl as usual
/// until `work` returns. After that they are blocked in this thread too; `mask` is the mask before.
template <class Work>
auto run_without_signals(Work work, sigset_t& mask) {
    ::signal(SIGCHLD, SIG_DFL);  // if it was ignored, the command's exit status would be lost
    const sigset_t signals = signals_to_wait_for();
    std::optional<decltype(work())> result;
    ::pthread_sigmask(SIG_BLOCK, &signals, &mask);
    std::thread worker([&] { result.emplace(work()); });
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    worker.join();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return *std::move(result);
}

}  // namespace vserctl
