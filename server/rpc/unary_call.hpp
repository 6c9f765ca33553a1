#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "rpc/environment.hpp"

namespace vserd::rpc {

/// One call with one reply. Owns itself: it is made on a gRPC thread, does its work on the io thread, and destroys itself
/// there when gRPC is done with it. The request and response messages live as long.
class UnaryCall final : public grpc::ServerUnaryReactor {
public:
    using Work = std::function<void(UnaryCall&)>;
    using PortWork = std::function<void(UnaryCall&, hub::Channel&)>;

    /// Runs `work` on the io thread; it, or what it starts, must call succeed() or fail() once.
    static UnaryCall* start(Environment& environment, Method method, Work work);
    /// The same for a call about one port; fails where there is none of that name.
    static UnaryCall* start(Environment& environment, Method method, const std::string& port, PortWork work);

    // Io thread, from here on.
    void succeed();
    void fail(const Error& error, ErrorContext context = {});
    /// What to do when the client gives up; not called after succeed() or fail(), of which one must be called all the same.
    void when_cancelled(std::function<void()> action) { cancelled_ = std::move(action); }
    /// Keeps what the call needs until it is over.
    void hold(std::shared_ptr<void> held) { held_ = std::move(held); }
    Environment& environment() const noexcept { return environment_; }

private:
    UnaryCall(Environment& environment, Method method) : environment_(environment), method_(method) {}
    void OnCancel() override;  // a gRPC thread
    void OnDone() override;    // a gRPC thread
    void finish(const grpc::Status& status);

    Environment& environment_;
    const Method method_;
    std::string port_;
    std::function<void()> cancelled_;
    std::shared_ptr<void> held_;  ///< of a type that only the rpc knows
    bool client_is_gone_ = false;
    bool finished_ = false;
};

}  // namespace vserd::rpc
