#include "vserctl/fleet_output.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "vserctl/describe.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

JsonObject json_of(const client::FleetBridge& bridge) {
    return JsonObject()
        .field("id", bridge.id)
        .field("address", bridge.address)
        .field("tls", bridge.tls)
        .field("version", bridge.version)
        .field("started", rfc3339(bridge.started))
        .field("metrics_address", bridge.metrics_address)
        .field("metrics_tls", bridge.metrics_tls)
        .field("web", bridge.web)
        .field("ports", std::uint64_t{bridge.ports});
}

std::string document(const char* name, const std::vector<JsonObject>& list, const client::FleetStatus& status) {
    return JsonObject().field(name, list).field("bridge", status.bridge).field("stale", status.stale).text() + "\n";
}

Table::Cell state_of(const client::FleetPort& port) {
    if (port.state == client::State::online) return {"online", Colour::good};
    return {"offline", Colour::bad};
}

}  // namespace

JsonObject json_of(const client::FleetPort& port) {
    JsonObject labels;
    for (const auto& [key, value] : port.labels) labels.field(key, value);
    return JsonObject()
        .field("name", port.name)
        .field("bridge", port.bridge)
        .field("address", port.address)
        .field("tls", port.tls)
        .field("state", port.state == client::State::online ? "online" : "offline")
        .field("description", port.description)
        .field("log_id", port.log_id)
        .field("labels", labels);
}

std::string bridges_json(const client::FleetBridges& bridges) {
    std::vector<JsonObject> list;
    for (const auto& bridge : bridges.bridges) list.push_back(json_of(bridge));
    return document("bridges", list, bridges.status);
}

std::string bridges_table(const client::FleetBridges& bridges) {
    Table table({"BRIDGE", "ADDRESS", "TLS", "PORTS", "VERSION", "PAGE"});
    for (const auto& bridge : bridges.bridges) {
        table.add({{printable(bridge.id), Colour::plain},
                   {printable(bridge.address), Colour::plain},
                   {bridge.tls ? "yes" : "no", Colour::plain},
                   {std::to_string(bridge.ports), Colour::plain},
                   {printable(bridge.version), Colour::plain},
                   {printable(bridge.web), Colour::dim}});
    }
    std::string text = table.text(stdout_wants_colour());
    for (const auto& conflict : bridges.status.conflicts) {
        text += fmt::format("{} also configures {}, which {} owns\n", printable(bridges.status.bridge),
                            printable(conflict.port), printable(conflict.owner));
    }
    return text;
}

std::string ports_json(const client::FleetPorts& ports) {
    std::vector<JsonObject> list;
    for (const auto& port : ports.ports) list.push_back(json_of(port));
    return document("ports", list, ports.status);
}

std::string ports_table(const client::FleetPorts& ports) {
    Table table({"NAME", "BRIDGE", "STATE", "LABELS", "DESCRIPTION"});
    for (const auto& port : ports.ports) {
        table.add({{printable(port.name), Colour::plain},
                   {printable(port.bridge), Colour::plain},
                   state_of(port),
                   {describe_labels(port.labels), Colour::plain},
                   {printable(port.description), Colour::dim}});
    }
    return table.text(stdout_wants_colour());
}

std::string file_sd(const std::vector<client::FleetBridge>& bridges) {
    std::string list;
    for (const auto& bridge : bridges) {
        if (bridge.metrics_address.empty()) continue;
        const auto labels = JsonObject()
                                .field("__meta_vserd_bridge", bridge.id)
                                .field("__meta_vserd_version", bridge.version)
                                .field("__meta_vserd_address", bridge.address)
                                .field("__meta_vserd_web", bridge.web)
                                .field("__scheme__", bridge.metrics_tls ? "https" : "http");
        list += (list.empty() ? "" : ",\n ") +
                JsonObject().field("targets", std::vector{bridge.metrics_address}).field("labels", labels).text();
    }
    return "[" + list + "]\n";
}

std::optional<std::string> replace_file(const std::string& file, const std::string& content) {
    const std::string temporary = fmt::format("{}.{}.tmp", file, ::getpid());
    errno = 0;
    std::ofstream stream(temporary, std::ios::binary);
    stream << content << std::flush;
    const bool written = stream.good() && std::rename(temporary.c_str(), file.c_str()) == 0;
    if (written) return std::nullopt;
    const std::string why = std::strerror(errno);
    ::unlink(temporary.c_str());
    return fmt::format("cannot write {}: {}", file, why);
}

}  // namespace vserctl
