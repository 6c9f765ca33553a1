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

    Result<void> admit(Key key, int fd) override { return set_.add(key, fd); }
    void dismiss(Key /*key*/, int fd) noexcept override { set_.remove(fd); }
    void await(Key key, int fd, OperationKind kind) noexcept override;
    void collect() noexcept override;
    bool can_collect() const noexcept override { return set_.has_more(); }

    EpollSet set_;
};

}  // namespace vserd::io
