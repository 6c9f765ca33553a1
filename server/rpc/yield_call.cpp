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

void YieldCall::start(net::Ticket ticket, const v1::YieldRequest& request) {
    ticket_ = std::move(ticket);
    port_ = request.port();
    reason_ = request.reason();
    client_ = request.client();
    environment_.loop.post_call([this] { begin(); });
}

void YieldCall::begin() {
    if (const auto refusal = yields_.enter(*this)) return finish(environment_.status_of(*refusal));
    const auto client = client_name(client_, peer_);
    if (!client) return finish(to_status(client.error(), {.port = port_}));
    auto opened = hub::Session(environment_.hub, {peer_, *client}).open(port_);
    if (!opened) return finish(environment_.status_of(opened.error(), {.port = port_}));
    handle_ = std::move(*opened);
    handle_.yield(reason_, [this](const Result<void>& result) { closed(result); });
}

/// Not called after the handle was destroyed.
void YieldCall::closed(const Result<void>& result) {
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

YieldCall* Yields::start(const std::string& peer, const v1::YieldRequest& request) {
    auto* call = new YieldCall(environment_, *this, peer);  // owns itself
    auto ticket = environment_.admission.admit(peer, net::stream_bytes, request.ByteSizeLong());
    if (!ticket) {
        call->refuse(ticket.error());
    } else {
        call->start(std::move(*ticket), request);
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
