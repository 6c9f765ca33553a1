#pragma once

#include <memory>
#include <vector>

#include "io/epoll_engine.hpp"

namespace vserd::io {

/// POSIX AIO: helper threads of the C library read and write, and a signal says that some request has completed.
///
/// The descriptors are non-blocking, where aio_read does not wait but fails with EAGAIN, so an epoll set tells when to
/// submit; requests of one drain() leave in one lio_listio. No request waits for its device, so cancel is prompt, a
/// read does not hold up a write on the same descriptor, and a handful of threads serves any number of ports.
class AioEngine final : public EpollEngine {
public:
    static Result<std::unique_ptr<Engine>> create();
    ~AioEngine() override;  ///< waits for what the threads are doing: it is in the callers' memory

    std::string_view name() const noexcept override { return "aio"; }
    /// Requests that the threads have not completed yet, or that collect() has not seen.
    std::size_t requests_under_way() const noexcept { return under_way_.size(); }

private:
    struct Request;

    AioEngine(base::Fd epoll, base::Fd signals) noexcept;
    AioEngine(const AioEngine&) = delete;

    std::optional<Transfer> transfer(Key key, int fd, const Operation& op, bool stream) noexcept override;
    void hasten(Key key, OperationKind kind) noexcept override;
    void collect() noexcept override;
    void submit() noexcept override;
    bool can_collect() const noexcept override { return !wanted_.empty() || EpollEngine::can_collect(); }

    Request& request(Key key, OperationKind kind);
    bool complete(Request& request) noexcept;

    base::Fd signals_;
    std::vector<std::unique_ptr<Request>> requests_;  // by slot and kind, made at the first use
    std::vector<Request*> wanted_;                    // to be submitted
    std::vector<Request*> under_way_;
};

}  // namespace vserd::io
