#include "vserctl/lease_candidates.hpp"

#include <fmt/core.h>

#include <algorithm>
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
std::string describe_all_labels(const std::vector<client::Port>& ports) {
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

client::Error nothing_matches(const std::vector<client::Port>& ports) {
    const auto labels = describe_all_labels(ports);
    if (labels.empty()) return no_candidate("no port has these labels: the server's ports have no labels at all");
    return no_candidate("no port has these labels; there are: " + labels);
}

}  // namespace

client::Result<std::vector<LeaseCandidate>> lease_candidates(const client::ConnectOptions& connect,
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
    if (candidates.empty()) return no_candidate("the ports with these labels are all offline; see: vserctl ports");
    std::ranges::shuffle(candidates, std::mt19937(std::random_device()()));
    return candidates;
}

}  // namespace vserctl
