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

/// Readiness from signals. Each descriptor has O_ASYNC and F_SETSIG, so the kernel queues a real-time signal with the
/// descriptor's number at each change. The signals go to the thread that drains, which reads them from a signalfd.
///
/// A tty sends no signal at a hang-up, so an epoll set watches for hang-ups; it also contains the signalfd. A thread can have
/// one engine of this kind. Two descriptors of one open file are not supported, because the kernel keeps one number for both.
class SigioEngine final : public ReadinessEngine {
public:
    static Result<std::unique_ptr<Engine>> create();
    ~SigioEngine() override;

    std::string_view name() const noexcept override { return "sigio"; }
    int wait_fd() const noexcept override { return hang_ups_.get(); }

private:
    struct Watch {
        Key key = 0;
        int fd = -1;  // -1: the slot is free
        bool hung_up = false;
        bool polled = false;  // for a waiting write, since the last signal
    };

    SigioEngine(base::Fd signals, base::Fd hang_ups) noexcept;
    SigioEngine(const SigioEngine&) = delete;

    Result<void> add(Key key, int fd) override;
    void remove(Key key, int fd) noexcept override;
    void arm(Key key, int fd, OperationKind kind) noexcept override;
    void poll() noexcept override;
    bool has_more() const noexcept override { return more_; }

    bool is_elsewhere() const noexcept;
    void settle_in_this_thread() noexcept;
    bool take_signals() noexcept;
    void take_hang_ups() noexcept;
    void signaled(const signalfd_siginfo& signal) noexcept;
    void try_everything() noexcept;

    base::Fd signals_;
    base::Fd hang_ups_;
    pid_t thread_ = 0;             // kernel thread that receives the signals
    std::uint64_t engine_id_ = 0;  // a new one for each thread; see thread_engine_id
    std::shared_ptr<void> life_;   // shows that thread whether its engine still exists
    std::vector<Watch> watches_;   // by slot
    std::vector<Slot> slots_;      // by descriptor; outdated if the watch has another descriptor
    std::array<signalfd_siginfo, 64> batch_;
    bool more_ = false;  // the last collect() filled batch_
    unsigned collects_without_hang_ups_ = 0;
};

}  // namespace vserd::io
