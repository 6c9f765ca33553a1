#pragma once

#include <memory>
#include <utility>

#include "io/epoll_set.hpp"
#include "io/readiness_engine.hpp"

namespace vserd::io {

/// Readiness from one epoll set.
class EpollEngine final : public ReadinessEngine {
public:
    static Result<std::unique_ptr<Engine>> create();

    std::string_view name() const noexcept override { return "epoll"; }
    int wait_fd() const noexcept override { return set_.fd(); }

private:
    explicit EpollEngine(EpollSet set) noexcept : set_(std::move(set)) {}

    Result<void> add(Key key, int fd) override { return set_.add(key, fd); }
    void remove(Key /*key*/, int fd) noexcept override { set_.remove(fd); }
    void arm(Key key, int fd, OperationKind kind) noexcept override;
    void poll() noexcept override;
    bool has_more() const noexcept override { return set_.has_more(); }

    EpollSet set_;
};

}  // namespace vserd::io
