#include "rpc/fleet_service.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/spelling.hpp"
#include "rpc/fleet_convert.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

namespace v1 = ::vser::v1;

constexpr std::uint32_t page_ports_max = 1000;
/// A name that can be in a page token or a look-up: longer ones are no port's.
constexpr std::size_t name_bytes_max = 256;
/// How many entries a look-up that fails compares, so that it costs the io thread little.
constexpr std::size_t compared_max = 2000;
constexpr std::size_t distance_max = 3;
constexpr std::size_t shown_bytes_max = 64;

/// Runs `work` if there is a fleet and the rules grant the client anything.
UnaryCall::Work in_fleet(const roster::Roster* roster, std::function<void(UnaryCall&)> work) {
    return [roster, work = std::move(work)](UnaryCall& call) {
        if (const auto known = check_fleet(call.session(), roster); !known) return call.fail(known.error());
        work(call);
    };
}

/// Counts the reply until the client has received it: the message, its encoded form, and gRPC's copy.
template <class Response>
void send(UnaryCall& call, Response& response) {
    if (call.hold_bytes(response.SpaceUsedLong() + 2 * response.ByteSizeLong())) return call.succeed();
    response.Clear();
    call.fail(call.environment().admission.memory_refusal());
}

/// Ports that the client may not list cost as much as the others, so a page also ends
/// when it has passed over many of them.
void fill_page(const hub::Session& session, const roster::Roster& roster, const v1::ListFleetPortsRequest& request,
               v1::ListFleetPortsResponse& response) {
    const std::uint32_t wanted = request.page_size() == 0 ? page_ports_max : request.page_size();
    const int most = static_cast<int>(std::min(wanted, page_ports_max));
    std::uint32_t hidden = 0;
    roster::PortRef port = roster.port_after(request.page_token());
    while (port && response.ports_size() < most && hidden < page_ports_max) {
        if (shows(session, port->name)) {
            to_proto(*port, *response.add_ports());
        } else {
            ++hidden;
        }
        roster::PortRef next = roster.port_after(port->name);
        if (next && (response.ports_size() == most || hidden == page_ports_max))
            response.set_next_page_token(port->name);
        port = std::move(next);
    }
}

/// The visible name that is closest to `name`; empty if none is close.
std::string closest(const hub::Session& session, const roster::Roster& roster, std::string_view name) {
    std::string best;
    std::size_t least = distance_max + 1;
    std::size_t compared = 0;
    // The ports that begin with the same letter come first: a mistyped first letter is rare.
    const std::string start(name.substr(0, 1));
    roster::PortRef port = roster.port_after(start);
    for (bool again = true; compared < compared_max; ++compared) {
        if (!port && !std::exchange(again, false)) break;
        if (!port) port = roster.port_after("");
        if (!port) break;
        const std::size_t distance = base::edit_distance(name, port->name, least - 1);
        if (distance < least && shows(session, port->name)) {
            least = distance;
            best = port->name;
        }
        port = roster.port_after(port->name);
    }
    return best;
}

Error no_such_port(const hub::Session& session, const roster::Roster& roster, std::string_view name) {
    const std::string_view asked = name.substr(0, shown_bytes_max);
    std::string message = fmt::format("no bridge of the fleet has a port \"{}\"", asked);
    if (const std::string close = closest(session, roster, asked); !close.empty())
        message += fmt::format("; did you mean \"{}\"?", close);
    if (roster.status().stale) message += "; this may be old: the bridge has no connection to etcd";
    return {Failure::not_found, 0, std::string(asked), message};
}

}  // namespace

FleetService::Reactor* FleetService::ListFleetPorts(Context* context, const v1::ListFleetPortsRequest* request,
                                                    v1::ListFleetPortsResponse* response) {
    const auto list = [=, this](UnaryCall& call) {
        if (request->page_token().size() > name_bytes_max) {
            return call.fail(
                invalid_field("page_token", "page_token must be the next_page_token of the page before, or empty"));
        }
        fill_page(call.session(), *roster_, *request, *response);
        to_proto(roster_->status(), call.session(), *response->mutable_status());
        send(call, *response);
    };
    return UnaryCall::start(environment_, {context, request}, Method::list_fleet_ports, in_fleet(roster_, list));
}

FleetService::Reactor* FleetService::ListBridges(Context* context, const v1::ListBridgesRequest* request,
                                                 v1::ListBridgesResponse* response) {
    const auto list = [=, this](UnaryCall& call) {
        for (const roster::BridgeRef& bridge : roster_->bridges())
            to_proto(*bridge, roster_->ports_of(bridge->id), *response->add_bridges());
        to_proto(roster_->status(), call.session(), *response->mutable_status());
        send(call, *response);
    };
    return UnaryCall::start(environment_, {context, request}, Method::list_bridges, in_fleet(roster_, list));
}

grpc::ServerWriteReactor<v1::WatchFleetResponse>* FleetService::WatchFleet(Context* context,
                                                                           const v1::WatchFleetRequest* request) {
    return watches_.start(*context, *request);
}

FleetService::Reactor* FleetService::Resolve(Context* context, const v1::ResolveRequest* request,
                                             v1::ResolveResponse* response) {
    const auto resolve = [=, this](UnaryCall& call) {
        const std::string& name = request->port();
        if (name.empty()) return call.fail(invalid_field("port", "port is empty; ListFleetPorts shows the names"));
        const roster::PortRef port = roster_->port(name);
        if (!port || !shows(call.session(), name))
            return call.fail(no_such_port(call.session(), *roster_, name), {.port = name});
        response->set_address(port->address);
        response->set_bridge(port->bridge);
        to_proto(*port, *response->mutable_port());
        response->set_stale(roster_->status().stale);
        send(call, *response);
    };
    return UnaryCall::start(environment_, {context, request}, Method::resolve, in_fleet(roster_, resolve));
}

}  // namespace vserd::rpc
