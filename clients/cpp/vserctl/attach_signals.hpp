#pragma once

#include <optional>

namespace vserctl {

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
