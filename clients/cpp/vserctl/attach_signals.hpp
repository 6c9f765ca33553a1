#pragma once

#include <optional>

namespace vserctl {

/// Blocks the signals of an attached terminal in the calling thread, and so in those that it starts; the first call
/// also makes a closed pipe an error instead of a signal: `attach | head` must not leave a raw terminal behind.
void block_attach_signals();
void unblock_attach_signals();

/// The signals of an attached terminal as a descriptor, so that none of them interrupts anything half-way.
class AttachSignals {
public:
    AttachSignals();
    ~AttachSignals();
    AttachSignals(const AttachSignals&) = delete;
    AttachSignals& operator=(const AttachSignals&) = delete;

    int fd() const noexcept { return fd_; }
    /// The next signal that came: SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP or SIGCONT.
    std::optional<int> take();
    /// Dies of it, as if it had never been blocked.
    static void die_of(int number);

private:
    int fd_;
};

}  // namespace vserctl
