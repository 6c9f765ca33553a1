#pragma once

#include <sys/epoll.h>

#include <array>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "io/readiness_engine.hpp"

namespace vserd::io {

/// Readiness from one epoll set, edge-triggered. Writability is asked for only while a write has to wait: every byte
/// that a pty's other end reads would otherwise wake the loop for nothing.
class EpollEngine : public ReadinessEngine {
public:
    static Result<std::unique_ptr<Engine>> create();

    std::string_view name() const noexcept override { return "epoll"; }
    int wait_fd() const noexcept override { return epoll_.get(); }

protected:
    explicit EpollEngine(base::Fd epoll) noexcept : epoll_(std::move(epoll)) {}
    static Result<base::Fd> create_set();
    /// A descriptor of the engine's own that makes wait_fd() readable; to be looked after in collect().
    Result<void> host(int fd) noexcept;
    void collect() noexcept override;
    bool can_collect() const noexcept override { return more_; }

private:
    Result<void> admit(Key key, int fd) override;
    void dismiss(Key key, int fd) noexcept override;
    void await(Key key, int fd, OperationKind kind) noexcept override;
    void watch_writable(Key key, bool on) noexcept;

    struct Watch {
        int fd = -1;
        bool writable = false;       // EPOLLOUT is asked for
        bool write_waiting = false;  // since the last report
    };

    base::Fd epoll_;
    std::vector<Watch> watches_;  // by slot
    std::array<epoll_event, 256> events_;
    bool more_ = false;  // the last collect() filled events_
};

}  // namespace vserd::io
