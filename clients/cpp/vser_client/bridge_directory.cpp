#include "vser_client/bridge_directory.hpp"

#include <utility>

#include "vser_client/call.hpp"
#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"

namespace vser::client {
namespace {

constexpr std::size_t pages_max = 1000;

FleetPort from_fleet(const v1::FleetPort& port) {
    return {.name = port.name(),
            .bridge = port.bridge(),
            .address = port.address(),
            .tls = port.tls(),
            .description = port.description(),
            .state = static_cast<State>(port.state()),
            .log_id = port.log_id(),
            .labels = {port.labels().begin(), port.labels().end()},
            .claim = port.claim()};
}

FleetBridge from_fleet(const v1::Bridge& bridge) {
    return {.id = bridge.id(),
            .address = bridge.address(),
            .tls = bridge.tls(),
            .version = bridge.version(),
            .started = from_proto(bridge.started()),
            .metrics_address = bridge.metrics_address(),
            .metrics_tls = bridge.metrics_tls(),
            .web = bridge.web(),
            .ports = bridge.ports()};
}

FleetStatus from_fleet(const v1::FleetStatus& status) {
    FleetStatus out{.bridge = status.bridge(),
                    .stale = status.stale(),
                    .since = from_proto(status.since()),
                    .problem = status.problem(),
                    .conflicts = {}};
    for (const auto& conflict : status.conflicts()) out.conflicts.push_back({conflict.port(), conflict.owner()});
    return out;
}

/// One page; returns the token of the next.
std::string take_page(const v1::ListFleetPortsResponse& response, FleetPorts& all) {
    for (const auto& port : response.ports()) all.ports.push_back(from_fleet(port));
    all.status = from_fleet(response.status());
    return response.next_page_token();
}

/// Another entry may do better.
bool is_about_the_entry(const Error& error) {
    return error.is_transport() || error.code == Code::deadline_exceeded || error.code == Code::unavailable ||
           error.code == Code::unimplemented || error.metadata.contains("capability");
}

}  // namespace

Result<BridgeDirectory::Stub> BridgeDirectory::stub() {
    const std::lock_guard lock(mutex_);
    if (stub_) return stub_;
    const std::string& entry = entries_[next_];
    auto client = Client::connect(entry, options_);
    if (!client) {
        next_ = (next_ + 1) % entries_.size();
        return std::move(client).error();
    }
    stub_ = v1::FleetService::NewStub(client->impl()->channel);
    return stub_;
}

/// The next call goes to the next entry.
void BridgeDirectory::forget(const Stub& stub) {
    const std::lock_guard lock(mutex_);
    if (stub_ != stub) return;
    stub_ = nullptr;
    next_ = (next_ + 1) % entries_.size();
}

template <class Ask>
auto BridgeDirectory::ask(Ask ask) -> decltype(ask(std::declval<v1::FleetService::Stub&>())) {
    for (std::size_t left = entries_.size();; --left) {
        auto connected = stub();
        if (!connected && (left == 1 || !is_about_the_entry(connected.error()))) return std::move(connected).error();
        if (!connected) continue;
        auto answer = ask(**connected);
        if (answer || !is_about_the_entry(answer.error())) return answer;
        forget(*connected);
        if (left == 1) return answer;
    }
}

Result<FleetPorts> BridgeDirectory::ports() {
    return ask([this](v1::FleetService::Stub& stub) -> Result<FleetPorts> {
        FleetPorts all;
        v1::ListFleetPortsRequest request;
        for (std::size_t page = 0; page < pages_max; ++page) {
            auto next = call(stub, &v1::FleetService::Stub::ListFleetPorts, request, after(options_.call_timeout),
                             [&all](const v1::ListFleetPortsResponse& response) { return take_page(response, all); });
            if (!next) return std::move(next).error();
            if (next->empty()) return all;
            request.set_page_token(*next);
        }
        return Error{.code = Code::out_of_range, .message = "the fleet has too many ports to list them all"};
    });
}

Result<FleetBridges> BridgeDirectory::bridges() {
    return ask([this](v1::FleetService::Stub& stub) {
        return call(stub, &v1::FleetService::Stub::ListBridges, {}, after(options_.call_timeout),
                    [](const v1::ListBridgesResponse& response) {
                        FleetBridges all{.bridges = {}, .status = from_fleet(response.status())};
                        for (const auto& bridge : response.bridges()) all.bridges.push_back(from_fleet(bridge));
                        return all;
                    });
    });
}

Result<FoundPort> BridgeDirectory::resolve(const std::string& port) {
    return ask([&, this](v1::FleetService::Stub& stub) {
        return call(stub, &v1::FleetService::Stub::Resolve, for_port<v1::ResolveRequest>(port),
                    after(options_.call_timeout), [](const v1::ResolveResponse& response) {
                        return FoundPort{.port = from_fleet(response.port()), .stale = response.stale()};
                    });
    });
}

}  // namespace vser::client
