#include "rpc/unary_call.hpp"

#include <google/protobuf/message_lite.h>
#include <grpcpp/server_context.h>

#include <utility>

#include "rpc/caller.hpp"

namespace vserd::rpc {

UnaryCall* UnaryCall::start(Environment& environment, Caller caller, Method method, Work work) {
    auto* call = new UnaryCall(environment, method);
    auto admitted = admit(environment, *caller.context, net::call_bytes, caller.request->ByteSizeLong());
    if (!admitted) {
        call->refuse(admitted.error());
        return call;
    }
    call->ticket_ = std::move(admitted->ticket);
    call->session_.emplace(environment.hub, std::move(admitted->client));
    environment.loop.post_call([call, work = std::move(work)] { work(*call); });
    return call;
}

UnaryCall* UnaryCall::start(Environment& environment, Caller caller, Method method, const std::string& port,
                            PortWork work) {
    return start(environment, caller, method, [&port, work = std::move(work)](UnaryCall& call) {
        call.port_ = port;  // refers to the request, which lives as long as the call
        auto opened = call.session_->open(port);
        if (!opened) return call.fail(opened.error());
        call.handle_ = std::move(*opened);
        work(call, call.handle_);
    });
}

/// Called on the gRPC thread that makes the call.
void UnaryCall::refuse(const Error& error) {
    refused_ = true;
    const grpc::Status status = to_status(error);
    environment_.counters.count(method_, status.error_code());
    Finish(status);
}

void UnaryCall::succeed() { finish(grpc::Status::OK); }

void UnaryCall::fail(const Error& error, ErrorContext context) {
    if (context.port.empty()) context.port = port_;
    finish(client_is_gone_ ? grpc::Status::CANCELLED : environment_.status_of(error, context));
}

void UnaryCall::finish(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    cancelled_ = nullptr;
    environment_.counters.count(method_, status.error_code());
    Finish(status);
}

void UnaryCall::OnCancel() {
    if (refused_) return;
    environment_.loop.post([this] {
        client_is_gone_ = true;
        if (const auto action = std::exchange(cancelled_, nullptr)) action();
    });
}

void UnaryCall::OnDone() {
    if (refused_) {
        delete this;
        return;
    }
    // Functions that OnCancel() posted run before this one.
    environment_.loop.post([this] { end(); });
}

void UnaryCall::end() {
    if (client_is_gone_ && undelivered_) undelivered_();
    delete this;
}

}  // namespace vserd::rpc
