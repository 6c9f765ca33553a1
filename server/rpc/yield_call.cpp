#include "rpc/yield_call.hpp"

#include <utility>

#include "rpc/convert.hpp"

namespace vserd::rpc {

void YieldCall::refuse(const Error& error) {
    refused_ = true;
    const grpc::Status status = to_status(error);
    environment_.counters.count(Method::yield, status.error_code());
    Finish(status);
}

void YieldCall::start(Admitted admitted, const v1::YieldRequest& request) {
    ticket_ = std::move(admitted.ticket);
    client_ = std::move(admitted.client);
    port_ = request.port();
    reason_ = request.reason();
    lease_ = request.lease();
    client_.name = request.client();
    environment_.loop.post_call([this] { begin(); });
}

void YieldCall::begin() {
    if (const auto refusal = yields_.enter(*this)) return finish(environment_.status_of(*refusal));
    auto name = client_name(client_.name, client_.peer);
    if (!name) return finish(to_status(name.error(), {.port = port_}));
    client_.name = std::move(*name);
    auto opened = hub::Session(environment_.hub, client_).open(port_);
    if (!opened) return finish(environment_.status_of(opened.error(), {.port = port_}));
    handle_ = std::move(*opened);
    handle_.when_ended([this](const Error& why) { finish(environment_.status_of(why, {.port = port_})); });
    handle_.present(lease_);
    handle_.yield(reason_, [this](const Result<void>& result) { closed(result); });
}

/// Not called after the handle was destroyed.
void YieldCall::closed(const Result<void>& result) {
    if (finished_ || !handle_) return;
    if (!result) return finish(environment_.status_of(result.error(), {.port = port_}));
    response_.set_device(handle_->port().config().device);
    StartWrite(&response_);
}

void YieldCall::finish(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    yields_.leave(*this);
    environment_.counters.count(Method::yield, status.error_code());
    // Posted, because the handle itself may have called this. Runs before the function that destroys the call.
    environment_.loop.post([this] { handle_ = {}; });
    Finish(status);
}

void YieldCall::OnCancel() {
    if (refused_) return;
    // Posted as a call, so that it runs after begin().
    environment_.loop.post_call([this] { finish(grpc::Status::CANCELLED); });
}

void YieldCall::OnDone() {
    if (refused_) {
        delete this;
        return;
    }
    // Functions that the other reactions posted run before this one, however they were posted.
    environment_.loop.post_call([this] { environment_.loop.post([this] { delete this; }); });
}

YieldCall* Yields::start(const grpc::ServerContextBase& context, const v1::YieldRequest& request) {
    auto* call = new YieldCall(environment_, *this);  // owns itself
    auto admitted = admit(environment_, context, net::stream_bytes, request.ByteSizeLong());
    if (!admitted) {
        call->refuse(admitted.error());
    } else {
        call->start(std::move(*admitted), request);
    }
    return call;
}

void Yields::finish_all(const Error& error) {
    refusal_ = error;
    while (!calls_.empty()) calls_.front().finish(to_status(error));
}

std::optional<Error> Yields::enter(YieldCall& call) {
    if (refusal_) return refusal_;
    if (calls_.empty()) environment_.session.add_watcher(*this);
    calls_.push_back(call);
    return std::nullopt;
}

void Yields::leave(YieldCall& call) noexcept {
    if (!call.is_linked()) return;
    call.unlink();
    if (calls_.empty()) environment_.session.remove_watcher(*this);
}

void Yields::on_port_removed(const hub::Channel& channel) {
    for (auto call = calls_.begin(); call != calls_.end();) {
        YieldCall& one = *call++;
        if (one.port() == channel.name()) one.finish(to_status(port_removed(channel.name())));
    }
}

}  // namespace vserd::rpc
