#pragma once

#include <optional>

namespace vserctl {

/// Blocks the signals of an attached terminal in the calling thread and in the threads it starts. The first call also ignores
/// SIGPIPE, so that `attach | head` does not leave the terminal in raw mode.
void block_attach_signals();
void unblock_attach_signals();

/// The signals of an attached terminal, read from a descriptor, so that they interrupt nothing.
class AttachSignals {
public:
    AttachSignals();
    ~AttachSignals();
    AttachSignals(const AttachSignals&) = delete;
    AttachSignals& operator=(const AttachSignals&) = delete;

    int fd() const noexcept { return fd_; }
    /// Returns the next signal: SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP or SIGCONT.
    std::optional<int> take();
    /// Ends the process with this signal, as if it had never been blocked.
    static void die_of(int number);

private:
    int fd_;
};

}  // namespace vserctl
