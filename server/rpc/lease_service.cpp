#include "rpc/lease_service.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "rpc/convert.hpp"
#include "rpc/deadline.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t waiting_listed_max = 16;

/// A duration of a request, which must be within two limits.
Result<milliseconds> duration_within(const google::protobuf::Duration& message, const char* field,
                                     std::chrono::seconds min, std::chrono::seconds max) {
    // Check before multiplying: a client may send any 64-bit value.
    const bool sane = message.seconds() >= 0 && message.seconds() <= max.count() && message.nanos() >= 0 &&
                      message.nanos() <= 999'999'999;
    const milliseconds duration{sane ? message.seconds() * 1000 + message.nanos() / 1'000'000 : -1};
    if (duration >= min && duration <= max) return duration;
    return invalid_field(
        field, fmt::format("{} must be within {} s and {} h", field, min.count(), max / std::chrono::hours{1}));
}

template <class Request>
Result<std::optional<milliseconds>> ttl_of(const Request& request) {
    if (!request.has_ttl()) return std::optional<milliseconds>{};
    const auto ttl = duration_within(request.ttl(), "ttl", hub::lease_ttl_min, hub::lease_ttl_max);
    return ttl ? Result<std::optional<milliseconds>>{*ttl} : ttl.error();
}

void lease_to_proto(const std::string& port, const hub::Lease& lease, v1::Lease& message) {
    message.set_id(lease.id);
    message.set_port(port);
    message.set_holder(lease.holder.client);
    message.set_via(lease.holder.via);
    to_proto(lease.since, *message.mutable_since());
    if (lease.ttl) to_proto(lease.expires_wall(), *message.mutable_expires());
    message.set_reason(lease.reason);
}

/// An Acquire call that may have to wait. Owned by its call; io thread only.
class WaitingAcquire : public std::enable_shared_from_this<WaitingAcquire> {
public:
    WaitingAcquire(UnaryCall& call, hub::PortHandle& port, v1::AcquireResponse& response)
        : call_(call),
          port_(port),
          name_(port->name()),
          timer_(call.environment().loop.context()),
          response_(response) {}
    WaitingAcquire(const WaitingAcquire&) = delete;
    WaitingAcquire& operator=(const WaitingAcquire&) = delete;

    Result<void> take(const v1::AcquireRequest& request) {
        const auto ttl = ttl_of(request);
        if (!ttl) return ttl.error();
        const auto wait = duration_within(request.wait(), "wait", {}, hub::lease_wait_max);
        if (!wait) return wait.error();
        auto reason = lease_reason(request.reason());
        if (!reason) return reason.error();
        auto client = client_name(request.client(), call_.session().client().peer);
        if (!client) return client.error();
        request_.party.client = std::move(*client);
        request_.ttl = ttl->value_or(hub::lease_ttl_default);
        request_.wait = *wait;
        request_.takeover = request.takeover();
        request_.reason = std::move(*reason);
        return {};
    }

    void start(std::chrono::system_clock::time_point deadline) {
        request_.done = [this](const Result<hub::Lease>& lease) { done(lease); };
        port_.acquire(request_);
        if (finished_) return;
        port_.when_ended([this](const Error& why) {
            hub::LeaseQueue::withdraw(request_);
            done(why);
        });
        call_.when_cancelled([this] { give_up(); });
        timer_.expires_at(answer_by(deadline));
        timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
            const auto alive = self.lock();
            if (!error && alive && !alive->finished_) alive->give_up();
        });
    }

private:
    void done(const Result<hub::Lease>& lease) {
        finished_ = true;
        timer_.cancel();
        if (!lease) return call_.fail(lease.error());
        lease_to_proto(name_, *lease, *response_.mutable_lease());
        call_.when_undelivered([this, id = lease->id] { give_back(id); });
        call_.succeed();
    }

    /// The client cancelled in the moment of the grant, and does not know of the lease.
    void give_back(std::uint64_t lease) {
        if (port_) static_cast<void>(port_.release(lease));
    }

    void give_up() {
        hub::LeaseQueue::withdraw(request_);
        const std::string holder = port_ ? port_->holder() : std::string{};
        done(Error{Failure::timed_out, 0, "",
                   fmt::format("port \"{}\" was held exclusively by \"{}\" until the deadline", name_, holder)});
    }

    UnaryCall& call_;
    hub::PortHandle& port_;
    const std::string name_;
    hub::LeaseRequest request_;
    boost::asio::steady_timer timer_;
    v1::AcquireResponse& response_;
    bool finished_ = false;
};

/// Adds the lease of a port, and who waits for it. Only the holder's identity sees the id.
void list_lease(const hub::Channel& channel, const std::string& identity, v1::ListLeasesResponse& response) {
    const hub::LeaseQueue& leases = channel.leases();
    if (const hub::Lease* held = leases.held()) {
        v1::Lease& message = *response.add_leases();
        lease_to_proto(channel.name(), *held, message);
        if (held->holder.identity != identity) message.clear_id();
    }
    std::size_t listed = 0;
    for (const hub::LeaseRequest& request : leases.waiting()) {
        if (++listed > waiting_listed_max) break;
        v1::WaitingClient& waiting = *response.add_waiting();
        waiting.set_port(channel.name());
        waiting.set_client(request.party.client);
        waiting.set_via(request.party.via);
        waiting.set_reason(request.reason);
    }
}

}  // namespace

LeaseService::Reactor* LeaseService::Acquire(Context* context, const v1::AcquireRequest* request,
                                             v1::AcquireResponse* response) {
    const auto acquire = [=](UnaryCall& call, hub::PortHandle& port) {
        const auto waiting = std::make_shared<WaitingAcquire>(call, port, *response);
        if (const auto valid = waiting->take(*request); !valid) return call.fail(valid.error());
        call.hold(waiting);
        waiting->start(context->deadline());
    };
    return UnaryCall::start(environment_, {context, request}, Method::acquire, request->port(), acquire);
}

LeaseService::Reactor* LeaseService::Renew(Context* context, const v1::RenewRequest* request,
                                           v1::RenewResponse* response) {
    const auto renew = [=](UnaryCall& call, hub::PortHandle& port) {
        const auto ttl = ttl_of(*request);
        if (!ttl) return call.fail(ttl.error());
        const auto lease = port.renew(request->id(), *ttl);
        if (!lease) return call.fail(lease.error());
        lease_to_proto(port->name(), *lease, *response->mutable_lease());
        call.succeed();
    };
    return UnaryCall::start(environment_, {context, request}, Method::renew, request->port(), renew);
}

LeaseService::Reactor* LeaseService::Release(Context* context, const v1::ReleaseRequest* request,
                                             v1::ReleaseResponse* /*response*/) {
    const auto release = [=](UnaryCall& call, hub::PortHandle& port) {
        const auto released = port.release(request->id());
        if (!released) return call.fail(released.error());
        call.succeed();
    };
    return UnaryCall::start(environment_, {context, request}, Method::release, request->port(), release);
}

LeaseService::Reactor* LeaseService::ListLeases(Context* context, const v1::ListLeasesRequest* request,
                                                v1::ListLeasesResponse* response) {
    const auto list = [=](UnaryCall& call) {
        const std::string identity = hub::lease_identity(call.session().client().identity);
        if (request->ports().empty()) {
            call.session().for_each_port(
                [&](const hub::Channel& channel) { list_lease(channel, identity, *response); });
        }
        for (const std::string& name : request->ports()) {
            const auto port = call.session().open(name);
            if (!port) return call.fail(port.error(), {.port = name});
            list_lease(**port, identity, *response);
        }
        if (!call.hold_bytes(response->SpaceUsedLong() + 2 * response->ByteSizeLong())) {
            response->Clear();
            return call.fail(call.environment().admission.memory_refusal());
        }
        call.succeed();
    };
    return UnaryCall::start(environment_, {context, request}, Method::list_leases, list);
}

}  // namespace vserd::rpc
