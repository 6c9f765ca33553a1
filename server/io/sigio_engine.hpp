#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "io/readiness_engine.hpp"

namespace vserd::io {

/// Readiness from signals: each descriptor has O_ASYNC, and F_SETSIG queues one real-time signal with its number for all
/// that arrives. They go to one thread, the one that drains, and are read from a signalfd.
///
/// A tty tells of no hang-up this way, so an epoll set watches for that alone and holds the signalfd too. One engine of this
/// kind serves a thread, and it serves an open file by one descriptor only: the kernel keeps one number for each.
class SigioEngine final : public ReadinessEngine {
public:
    static Result<std::unique_ptr<Engine>> create();
    ~SigioEngine() override;

    std::string_view name() const noexcept override { return "sigio"; }
    int wait_fd() const noexcept override { return hang_ups_.get(); }

private:
    struct Watch {
        Key key = 0;
        int fd = -1;  // none: the slot is free
        bool hung_up = false;
        bool looked = false;  // whether a waiting write has been looked after since the last signal
    };

    SigioEngine(base::Fd signals, base::Fd hang_ups) noexcept;
    SigioEngine(const SigioEngine&) = delete;

    Result<void> admit(Key key, int fd) override;
    void dismiss(Key key, int fd) noexcept override;
    void await(Key key, int fd, OperationKind kind) noexcept override;
    void collect() noexcept override;
    bool can_collect() const noexcept override { return more_; }

    bool is_elsewhere() const noexcept;
    void settle_in_this_thread() noexcept;
    bool take_signals() noexcept;
    void take_hang_ups() noexcept;
    void signaled(const signalfd_siginfo& signal) noexcept;
    void try_everything() noexcept;

    base::Fd signals_;
    base::Fd hang_ups_;
    pid_t thread_ = 0;            // the kernel's name of the thread that is signaled
    std::uint64_t tenancy_ = 0;   // and ours, see sigio_engine.cpp
    std::shared_ptr<void> life_;  // of that tenancy, watched by the thread
    std::vector<Watch> watches_;  // by slot
    std::vector<Slot> slots_;     // by descriptor; stale where the watch says another
    std::array<signalfd_siginfo, 64> batch_;
    bool more_ = false;  // the last collect() filled batch_
    unsigned collects_without_hang_ups_ = 0;
};

}  // namespace vserd::io
