#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rpc/environment.hpp"

namespace vserd::rpc {

/// Where a call comes from, for admission.
struct Caller {
    const grpc::CallbackServerContext* context;
    const google::protobuf::MessageLite* request;
};

/// One call with one reply. Owns itself: it is created on a gRPC thread, does its work on the io thread, and destroys itself
/// there when gRPC is done with it. The request and response messages live equally long.
class UnaryCall final : public grpc::ServerUnaryReactor {
public:
    using Work = std::function<void(UnaryCall&)>;
    using PortWork = std::function<void(UnaryCall&, hub::PortHandle&)>;

    /// Runs `work` on the io thread. `work`, or something that it starts, must call succeed() or fail() once. If admission
    /// rejects the call, it ends here, at no cost for the io thread.
    static UnaryCall* start(Environment& environment, Caller caller, Method method, Work work);
    /// The same for a call about one port; fails if there is no port of that name.
    static UnaryCall* start(Environment& environment, Caller caller, Method method, const std::string& port,
                            PortWork work);

    // Io thread, from here on.
    void succeed();
    void fail(const Error& error, ErrorContext context = {});
    /// Sets a function for when the client cancels. It is not called after succeed() or fail(). One of these must still be
    /// called after a cancellation.
    void when_cancelled(std::function<void()> action) { cancelled_ = std::move(action); }
    /// Sets a function for when the client cancelled although succeed() was called: the reply did not reach it.
    void when_undelivered(std::function<void()> action) { undelivered_ = std::move(action); }
    /// Keeps an object alive until the call has ended.
    void hold(std::shared_ptr<void> held) { held_ = std::move(held); }
    Environment& environment() const noexcept { return environment_; }
    hub::Session& session() noexcept { return *session_; }
    /// Accounts for the memory of a large reply. If it returns false, fail with memory_refusal().
    [[nodiscard]] bool hold_bytes(std::size_t bytes) { return ticket_.grow(bytes); }

private:
    UnaryCall(Environment& environment, Method method) : environment_(environment), method_(method) {}
    void OnCancel() override;  // a gRPC thread
    void OnDone() override;    // a gRPC thread
    void refuse(const Error& error);
    void finish(const grpc::Status& status);
    void end();

    Environment& environment_;
    const Method method_;
    std::optional<hub::Session> session_;
    hub::PortHandle handle_;  ///< declared before held_, which may use it in its destructor
    net::Ticket ticket_;
    bool refused_ = false;  ///< admission rejected the call
    std::string port_;
    std::function<void()> cancelled_;
    std::function<void()> undelivered_;
    std::shared_ptr<void> held_;  ///< an object of a type that only the rpc knows
    bool client_is_gone_ = false;
    bool finished_ = false;
};

}  // namespace vserd::rpc
