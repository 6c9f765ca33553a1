#pragma once

#include "roster/roster.hpp"
#include "rpc/environment.hpp"
#include "rpc/watch_fleet.hpp"
#include "vser/v1/fleet_service.grpc.pb.h"

namespace vserd::rpc {

/// FleetService, implemented with the callback API. gRPC threads call its methods.
class FleetService final : public ::vser::v1::FleetService::CallbackService {
public:
    /// `roster`: null if this vserd is in no fleet.
    FleetService(Environment& environment, roster::Roster* roster)
        : environment_(environment), roster_(roster), watches_(environment, roster) {}

    /// Ends all WatchFleet calls, which would otherwise outlive the server. Io thread.
    void finish_streams(const Error& error) { watches_.finish_all(error); }

    using Context = grpc::CallbackServerContext;
    using Reactor = grpc::ServerUnaryReactor;

    Reactor* ListFleetPorts(Context*, const ::vser::v1::ListFleetPortsRequest*,
                            ::vser::v1::ListFleetPortsResponse*) override;
    Reactor* ListBridges(Context*, const ::vser::v1::ListBridgesRequest*, ::vser::v1::ListBridgesResponse*) override;
    grpc::ServerWriteReactor<::vser::v1::WatchFleetResponse>* WatchFleet(Context*,
                                                                         const ::vser::v1::WatchFleetRequest*) override;
    Reactor* Resolve(Context*, const ::vser::v1::ResolveRequest*, ::vser::v1::ResolveResponse*) override;

private:
    Environment& environment_;
    roster::Roster* const roster_;
    FleetWatches watches_;
};

}  // namespace vserd::rpc
