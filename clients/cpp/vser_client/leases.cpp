#include <memory>
#include <utility>

#include "vser_client/call.hpp"
#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"
#include "vser_client/threaded_call.hpp"

namespace vser::client {
namespace {

Lease from_lease(const v1::Lease& lease) {
    Lease out{.id = lease.id(),
              .port = lease.port(),
              .holder = lease.holder(),
              .via = lease.via(),
              .since = from_proto(lease.since()),
              .expires = {},
              .reason = lease.reason()};
    if (lease.has_expires()) out.expires = from_proto(lease.expires());
    return out;
}

LeaseList from_list(const v1::ListLeasesResponse& response) {
    LeaseList list;
    for (const auto& lease : response.leases()) list.leases.push_back(from_lease(lease));
    for (const auto& waiting : response.waiting())
        list.waiting.push_back({waiting.port(), waiting.client(), waiting.via(), waiting.reason()});
    return list;
}

v1::AcquireRequest acquire_request(const std::string& port, const AcquireOptions& options) {
    auto request = for_port<v1::AcquireRequest>(port);
    to_proto(options.ttl, *request.mutable_ttl());
    to_proto(options.wait, *request.mutable_wait());
    request.set_takeover(options.takeover);
    request.set_reason(options.reason);
    request.set_client(options.client);
    return request;
}

Lease from_response(const v1::AcquireResponse& response) { return from_lease(response.lease()); }

}  // namespace

// The server answers after `wait`, and may have to clear the output of an earlier holder.
Result<Lease> Client::acquire(const std::string& port, const AcquireOptions& options) const {
    return call(*impl_->leases, &v1::LeaseService::Stub::Acquire, acquire_request(port, options),
                after(impl_->call_timeout + options.wait), from_response);
}

PendingCall<Lease> Client::begin_acquire(const std::string& port, const AcquireOptions& options) const {
    const auto run = [impl = impl_, request = acquire_request(port, options)](grpc::ClientContext& context) {
        v1::AcquireResponse response;
        const auto status = impl->leases->Acquire(&context, request, &response);
        return status.ok() ? Result<Lease>(from_response(response)) : Result<Lease>(to_error(status));
    };
    return PendingCall<Lease>(std::make_unique<ThreadedCall<Lease>>(run, impl_->call_timeout + options.wait));
}

Result<Lease> Client::renew(const std::string& port, std::uint64_t lease,
                            std::optional<std::chrono::milliseconds> ttl) const {
    auto request = for_port<v1::RenewRequest>(port);
    request.set_id(lease);
    if (ttl) to_proto(*ttl, *request.mutable_ttl());
    return call(*impl_->leases, &v1::LeaseService::Stub::Renew, request, after(impl_->call_timeout),
                [](const v1::RenewResponse& response) { return from_lease(response.lease()); });
}

Result<> Client::release(const std::string& port, std::uint64_t lease) const {
    auto request = for_port<v1::ReleaseRequest>(port);
    request.set_id(lease);
    return call(*impl_->leases, &v1::LeaseService::Stub::Release, request, after(impl_->call_timeout),
                [](const v1::ReleaseResponse&) { return Done{}; });
}

Result<LeaseList> Client::leases(const std::vector<std::string>& ports) const {
    v1::ListLeasesRequest request;
    request.mutable_ports()->Add(ports.begin(), ports.end());
    return call(*impl_->leases, &v1::LeaseService::Stub::ListLeases, request, after(impl_->call_timeout),
                [](const v1::ListLeasesResponse& response) { return from_list(response); });
}

Client Client::with_lease(const std::string& port, std::uint64_t lease) const {
    Client copy = *this;
    copy.leases_.insert_or_assign(port, lease);
    return copy;
}

std::uint64_t Client::lease_of(const std::string& port) const {
    const auto found = leases_.find(port);
    return found == leases_.end() ? 0 : found->second;
}

}  // namespace vser::client
