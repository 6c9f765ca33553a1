#include "fleet/entry_json.hpp"

#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <utility>

#include "base/address.hpp"
#include "base/name.hpp"
#include "base/text.hpp"
#include "vser/v1/fleet_service.pb.h"

namespace vserd::fleet {
namespace {

namespace v1 = ::vser::v1;
using google::protobuf::Message;

constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t labels_max = 64;

std::string json_of(const Message& message) {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string text;
    // Fails only for an Any of an unknown type.
    static_cast<void>(google::protobuf::util::MessageToJsonString(message, &text, options));
    return text;
}

Error invalid(std::string why) { return {Failure::invalid_argument, 0, "value", std::move(why)}; }

Result<void> read(std::string_view json, Message& message) {
    if (json.size() > entry_bytes_max) return invalid("is too long");
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message, options);
    if (status.ok()) return {};
    return invalid("is not the JSON that vserd writes");
}

bool is_public_address(const std::string& text) {
    const auto address = base::parse_address(text);
    return address && !address->unix_socket && address->port != 0;
}

std::string short_text(const std::string& text) { return base::printable_text(text.substr(0, text_bytes_max)); }

}  // namespace

std::string to_json(const roster::Port& port) {
    v1::FleetPort message;
    message.set_name(port.name);
    message.set_bridge(port.bridge);
    message.set_address(port.address);
    message.set_tls(port.tls);
    message.set_description(port.description);
    message.set_state(port.online ? v1::STATE_ONLINE : v1::STATE_OFFLINE);
    message.set_log_id(port.log_id);
    message.mutable_labels()->insert(port.labels.begin(), port.labels.end());
    return json_of(message);
}

std::string to_json(const roster::Bridge& bridge) {
    v1::Bridge message;
    message.set_id(bridge.id);
    message.set_address(bridge.address);
    message.set_tls(bridge.tls);
    message.set_version(bridge.version);
    message.mutable_started()->set_seconds(std::chrono::system_clock::to_time_t(bridge.started));
    message.set_metrics_address(bridge.metrics_address);
    message.set_metrics_tls(bridge.metrics_tls);
    message.set_web(bridge.web);
    message.set_machine(bridge.machine);
    return json_of(message);
}

Result<roster::Port> port_of_json(std::string_view name, std::string_view json) {
    v1::FleetPort message;
    if (const auto done = read(json, message); !done) return done.error();
    if (message.name() != name) return invalid("is about another port than its key");
    if (!base::is_name(message.name()) || !base::is_name(message.bridge())) return invalid("has no valid name");
    if (!is_public_address(message.address())) return invalid("has no valid address");
    roster::Port port;
    port.name = message.name();
    port.bridge = message.bridge();
    port.address = message.address();
    port.tls = message.tls();
    port.online = message.state() == v1::STATE_ONLINE;
    port.description = short_text(message.description());
    port.log_id = short_text(message.log_id());
    if (message.labels_size() > static_cast<int>(labels_max)) return invalid("has too many labels");
    for (const auto& [key, value] : message.labels()) port.labels.emplace(short_text(key), short_text(value));
    return port;
}

Result<roster::Bridge> bridge_of_json(std::string_view id, std::string_view json) {
    v1::Bridge message;
    if (const auto done = read(json, message); !done) return done.error();
    if (message.id() != id) return invalid("is about another bridge than its key");
    if (!base::is_name(message.id())) return invalid("has no valid name");
    if (!is_public_address(message.address())) return invalid("has no valid address");
    if (!message.metrics_address().empty() && !is_public_address(message.metrics_address()))
        return invalid("has no valid metrics_address");
    roster::Bridge bridge;
    bridge.id = message.id();
    bridge.address = message.address();
    bridge.tls = message.tls();
    bridge.version = short_text(message.version());
    bridge.started = std::chrono::system_clock::from_time_t(message.started().seconds());
    bridge.metrics_address = message.metrics_address();
    bridge.metrics_tls = message.metrics_tls();
    bridge.web = short_text(message.web());
    bridge.machine = short_text(message.machine());
    return bridge;
}

}  // namespace vserd::fleet
