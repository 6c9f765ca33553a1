#pragma once

#include "rpc/environment.hpp"
#include "vser/v1/lease_service.grpc.pb.h"

namespace vserd::rpc {

/// LeaseService, implemented with the callback API. gRPC threads call its methods.
class LeaseService final : public ::vser::v1::LeaseService::CallbackService {
public:
    explicit LeaseService(Environment& environment) : environment_(environment) {}

    using Context = grpc::CallbackServerContext;
    using Reactor = grpc::ServerUnaryReactor;

    Reactor* Acquire(Context*, const ::vser::v1::AcquireRequest*, ::vser::v1::AcquireResponse*) override;
    Reactor* Renew(Context*, const ::vser::v1::RenewRequest*, ::vser::v1::RenewResponse*) override;
    Reactor* Release(Context*, const ::vser::v1::ReleaseRequest*, ::vser::v1::ReleaseResponse*) override;
    Reactor* ListLeases(Context*, const ::vser::v1::ListLeasesRequest*, ::vser::v1::ListLeasesResponse*) override;

private:
    Environment& environment_;
};

}  // namespace vserd::rpc
