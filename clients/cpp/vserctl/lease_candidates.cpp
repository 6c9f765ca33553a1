#include "vserctl/lease_candidates.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::size_t labels_shown_max = 20;

client::Error no_candidate(std::string message) {
    return {.code = client::Code::not_found, .message = std::move(message), .reason = "PORT_NOT_FOUND", .metadata = {}};
}

/// "board=rpi4, rack=3": each label that a port has.
template <class Port>
std::string describe_all_labels(const std::vector<Port>& ports) {
    std::set<std::string> labels;
    for (const auto& port : ports) {
        for (const auto& [key, value] : port.labels) labels.insert(fmt::format("{}={}", key, value));
    }
    std::string text;
    std::size_t shown = 0;
    for (const auto& label : labels) {
        if (++shown > labels_shown_max) return text + fmt::format(", and {} more", labels.size() - labels_shown_max);
        text += (text.empty() ? "" : ", ") + label;
    }
    return text;
}

template <class Port>
client::Error nothing_matches(const std::vector<Port>& ports) {
    const auto labels = describe_all_labels(ports);
    if (labels.empty()) return no_candidate("no port has these labels: the ports have no labels at all");
    return no_candidate("no port has these labels; there are: " + labels);
}

client::Error all_offline() { return no_candidate("the ports with these labels are all offline; see: vserctl ports"); }

/// Those of a fleet, each at its owner. Owners that cannot be reached are left out, unless none can.
client::Result<std::vector<LeaseCandidate>> candidates_of_fleet(const LeaseCommand& command, const Options& options) {
    const auto found = options.lease_ports();
    if (!found) return found.error();
    if (found->ports.empty()) return no_candidate("no port of the fleet has these labels; see: vserctl ports");
    std::vector<LeaseCandidate> candidates;
    std::optional<client::Error> unreachable;
    for (const auto& port : found->ports) {
        if (port.state != client::State::online || !command.labels->matches(port.labels)) continue;
        auto owner = options.connect_to(port);
        if (owner) {
            candidates.push_back({*std::move(owner), port.name, port.address});
        } else {
            unreachable = owner.error();
        }
    }
    if (!candidates.empty()) return candidates;
    return unreachable ? *unreachable : all_offline();
}

client::Result<std::vector<LeaseCandidate>> candidates_of_server(const client::ConnectOptions& connect,
                                                                 const LeaseCommand& command, const Options& options) {
    const auto connected = client::Client::connect(options.server, connect);
    if (!connected) return connected.error();
    const auto ports = connected->list_ports();
    if (!ports) return ports.error();
    std::vector<LeaseCandidate> candidates;
    bool matches = false;
    for (const auto& port : *ports) {
        if (!command.labels->matches(port.labels)) continue;
        matches = true;
        if (port.state == client::State::online) candidates.push_back({*connected, port.name, options.asked_server});
    }
    if (!matches) return nothing_matches(*ports);
    if (candidates.empty()) return all_offline();
    return candidates;
}

}  // namespace

client::Result<std::vector<LeaseCandidate>> lease_candidates(const client::ConnectOptions& connect,
                                                             const LeaseCommand& command, const Options& options) {
    auto candidates =
        options.lease_ports ? candidates_of_fleet(command, options) : candidates_of_server(connect, command, options);
    if (candidates) std::ranges::shuffle(*candidates, std::mt19937(std::random_device()()));
    return candidates;
}

}  // namespace vserctl
