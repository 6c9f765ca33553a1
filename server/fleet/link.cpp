#include "fleet/link.hpp"

#include <grpcpp/support/client_callback.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "fleet/watch_stream.hpp"

namespace vserd::fleet {
namespace {

namespace pb = etcdserverpb;
using std::chrono::milliseconds;
using Done = std::function<void(const grpc::Status&)>;

/// Waits for a call that calls back on one of gRPC's threads.
template <class Start>
Awaitable<grpc::Status> status_of(std::shared_ptr<boost::asio::io_context> context, Start start) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(grpc::Status)>(
        [](auto handler, Start begin, const std::shared_ptr<boost::asio::io_context>& keep) {
            // std::function requires a copyable callable, but the handler can only be moved.
            const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            begin([shared, keep](const grpc::Status& status) {
                boost::asio::post(*keep, [shared, status] { std::move (*shared)(status); });
            });
        },
        boost::asio::use_awaitable, std::move(start), std::move(context));
}

/// A LeaseKeepAlive with one request. A stream that stays open would have no deadline.
class KeepAlive final : public grpc::ClientBidiReactor<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse> {
public:
    KeepAlive(const pb::LeaseKeepAliveRequest& request, pb::LeaseKeepAliveResponse& reply, Done done)
        : request_(request), reply_(reply), done_(std::move(done)) {}
    void start(pb::Lease::Stub& stub, grpc::ClientContext& context) {
        stub.async()->LeaseKeepAlive(&context, this);
        StartWriteLast(&request_, grpc::WriteOptions());
        StartRead(&reply_);
        StartCall();
    }
    void OnReadDone(bool ok) override { answered_ = ok; }
    void OnDone(const grpc::Status& status) override {
        const bool silent = status.ok() && !answered_;
        const Done done = std::move(done_);
        const auto result = silent ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "no response") : status;
        delete this;
        done(result);
    }

private:
    const pb::LeaseKeepAliveRequest& request_;
    pb::LeaseKeepAliveResponse& reply_;
    Done done_;
    bool answered_ = false;
};

/// Whether another member may do better.
bool is_of_member(const Error& error) {
    return error.failure == Failure::unavailable || error.failure == Failure::timed_out || error.failure == Failure::io;
}

void set_limit(grpc::ClientContext& context, milliseconds limit) {
    context.set_deadline(gpr_time_from_millis(limit.count(), GPR_TIMESPAN));  // no jump of a clock changes it
}

}  // namespace

Link::Link(std::shared_ptr<boost::asio::io_context> context, const EtcdSettings& settings, Counters& counters,
           milliseconds limit)
    : context_(std::move(context)), settings_(settings), counters_(counters), limit_(limit) {}

Link::~Link() = default;

Link::Ticket::Ticket(Link& link, std::shared_ptr<Connection> used) : connection(std::move(used)), link_(link) {
    if (!link_.token_.empty()) context.AddMetadata("token", link_.token_);
    link_.running_.insert(this);
}

Link::Ticket::~Ticket() { link_.running_.erase(this); }

Result<std::shared_ptr<Connection>> Link::connect() {
    if (connection_) return connection_;
    auto opened = open_connection(settings_, settings_.endpoints.at(endpoint_));
    if (opened) connection_ = *opened;
    return opened;
}

void Link::leave(const std::shared_ptr<Connection>& connection) {
    if (connection != connection_) return;  // left already
    ++failures_;
    connection_ = nullptr;
    endpoint_ = (endpoint_ + 1) % settings_.endpoints.size();
    // The others would wait for their deadlines.
    for (Ticket* const each : running_)
        if (each->connection == connection) each->context.TryCancel();
}

bool Link::is_final(const Error& error) const noexcept {
    return !is_of_member(error) || failures_ >= settings_.endpoints.size();
}

void Link::close() {
    closed_ = true;
    for (Ticket* const each : running_) each->context.TryCancel();
}

Error Link::failed(Op op, const grpc::Status& status, const std::shared_ptr<Connection>& connection) {
    Error error = to_error(status, connection->endpoint, settings_);
    counters_.failed(op);
    if (is_of_member(error) && !closed_) leave(connection);
    return error;
}

template <class Request, class Reply>
Awaitable<Result<Reply>> Link::attempt(Op op, const Request& request, milliseconds limit, Start<Request, Reply> start) {
    const auto connection = connect();
    if (!connection) {
        counters_.failed(op);
        co_return connection.error();
    }
    Ticket ticket(*this, *connection);
    set_limit(ticket.context, limit);
    Reply reply;
    const auto begin = [&](Done done) { start(*ticket.connection, ticket.context, request, reply, std::move(done)); };
    const grpc::Status status = co_await status_of(context_, begin);
    if (!status.ok()) co_return failed(op, status, ticket.connection);
    if (ticket.connection == connection_) failures_ = 0;
    co_return reply;
}

template <class Request, class Reply>
Awaitable<Result<Reply>> Link::call(Op op, Request request, milliseconds limit, Start<Request, Reply> start) {
    if (closed_) co_return Error{Failure::unavailable, 0, "stop", "vserd is shutting down"};
    if (const auto authenticated = co_await authenticate(); !authenticated) co_return authenticated.error();
    const std::string token = token_;
    auto reply = co_await attempt<Request, Reply>(op, request, limit, start);
    if (reply || reply.error().failure != Failure::unauthenticated) co_return reply;
    // Tokens end after some minutes, or with the member.
    if (token == token_) {
        token_.clear();
        no_token_needed_ = false;
    }
    if (const auto authenticated = co_await authenticate(); !authenticated) co_return authenticated.error();
    reply = co_await attempt<Request, Reply>(op, request, limit, start);
    co_return reply;
}

/// Obtains a token, if one is needed and there is none. Several calls may need it at once; one of them does it.
Awaitable<Result<void>> Link::authenticate() {
    while (authenticating_) {
        boost::asio::steady_timer pause(*context_, milliseconds(20));
        co_await pause.async_wait(boost::asio::use_awaitable);
    }
    if (settings_.user.empty() || no_token_needed_ || !token_.empty()) co_return Result<void>{};
    const auto password = read_password(settings_);
    if (!password) {
        counters_.failed(Op::authenticate);
        co_return password.error();
    }
    pb::AuthenticateRequest request;
    request.set_name(settings_.user);
    request.set_password(*password);
    authenticating_ = true;
    auto reply = co_await attempt<pb::AuthenticateRequest, pb::AuthenticateResponse>(
        Op::authenticate, request, limit_,
        [](Connection& to, grpc::ClientContext& context, const pb::AuthenticateRequest& asked,
           pb::AuthenticateResponse& answer,
           Done done) { to.auth->async()->Authenticate(&context, &asked, &answer, std::move(done)); });
    authenticating_ = false;
    no_token_needed_ = !reply && reply.error().failure == Failure::unsupported;
    if (no_token_needed_) co_return Result<void>{};
    if (!reply) co_return reply.error();
    token_ = reply->token();
    co_return Result<void>{};
}

Awaitable<Result<pb::RangeResponse>> Link::range(const pb::RangeRequest& request) {
    return call<pb::RangeRequest, pb::RangeResponse>(
        Op::range, request, limit_,
        [](Connection& to, grpc::ClientContext& context, const pb::RangeRequest& asked, pb::RangeResponse& answer,
           Done done) { to.kv->async()->Range(&context, &asked, &answer, std::move(done)); });
}

Awaitable<Result<pb::TxnResponse>> Link::transact(const pb::TxnRequest& request) {
    return call<pb::TxnRequest, pb::TxnResponse>(
        Op::claim, request, limit_,
        [](Connection& to, grpc::ClientContext& context, const pb::TxnRequest& asked, pb::TxnResponse& answer,
           Done done) { to.kv->async()->Txn(&context, &asked, &answer, std::move(done)); });
}

Awaitable<Result<pb::LeaseGrantResponse>> Link::grant(std::chrono::seconds ttl) {
    pb::LeaseGrantRequest request;
    request.set_ttl(ttl.count());
    return call<pb::LeaseGrantRequest, pb::LeaseGrantResponse>(
        Op::lease, request, limit_,
        [](Connection& to, grpc::ClientContext& context, const pb::LeaseGrantRequest& asked,
           pb::LeaseGrantResponse& answer,
           Done done) { to.lease->async()->LeaseGrant(&context, &asked, &answer, std::move(done)); });
}

/// Works after close() too: once, and with the last token.
template <class Request, class Reply>
Awaitable<Result<Reply>> Link::last_call(Op op, Request request, milliseconds limit, Start<Request, Reply> start) {
    if (closed_) co_return co_await attempt<Request, Reply>(op, request, limit, start);
    co_return co_await call<Request, Reply>(op, std::move(request), limit, start);
}

Awaitable<Result<std::int64_t>> Link::keep_alive(std::int64_t lease, milliseconds limit) {
    pb::LeaseKeepAliveRequest request;
    request.set_id(lease);
    const auto reply = co_await last_call<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse>(
        Op::lease, request, limit,
        [](Connection& to, grpc::ClientContext& context, const pb::LeaseKeepAliveRequest& asked,
           pb::LeaseKeepAliveResponse& answer,
           Done done) { (new KeepAlive(asked, answer, std::move(done)))->start(*to.lease, context); });
    if (!reply) co_return reply.error();
    co_return reply->ttl();
}

Awaitable<Result<void>> Link::revoke(std::int64_t lease, milliseconds limit) {
    pb::LeaseRevokeRequest request;
    request.set_id(lease);
    const auto start = [](Connection& to, grpc::ClientContext& context, const pb::LeaseRevokeRequest& asked,
                          pb::LeaseRevokeResponse& answer,
                          Done done) { to.lease->async()->LeaseRevoke(&context, &asked, &answer, std::move(done)); };
    const auto reply =
        co_await last_call<pb::LeaseRevokeRequest, pb::LeaseRevokeResponse>(Op::lease, request, limit, start);
    if (!reply) co_return reply.error();
    co_return Result<void>{};
}

Result<std::unique_ptr<WatchStream>> Link::watch(const pb::WatchCreateRequest& request) {
    const auto connection = connect();
    if (!connection) return connection.error();
    auto stream = std::make_unique<WatchStream>(context_, *this, *connection, settings_);
    stream->start(request);
    return stream;
}

}  // namespace vserd::fleet
