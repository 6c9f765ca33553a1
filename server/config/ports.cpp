#include "config/ports.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/name.hpp"
#include "config/limits.hpp"
#include "config/port_labels.hpp"
#include "config/port_listen.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::config {
namespace {

bool is_simulated(std::string_view device) { return device.starts_with("sim:"); }
bool is_archive(std::string_view device) { return device.starts_with("archive:"); }

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// The names and devices that are already in use, and where.
struct Taken {
    std::map<std::string, std::uint32_t, std::less<>> names;                            ///< name -> line
    std::map<std::string, std::pair<std::string, std::uint32_t>, std::less<>> devices;  ///< path -> name and line
    base::AddressSet addresses;
};

void take(const std::string& text, const char* place, Taken& taken) {
    if (const auto address = base::parse_address(text)) taken.addresses.add(text, *address, place);
}

void read_name(Table& table, PortEntry& entry, Taken& taken) {
    const auto name = table.string("name");
    if (!name) return;
    if (!base::is_name(name->value)) {
        table.problem(name->at, fmt::format("'name' in [[port]] must be 1 to {} of A-Z, a-z, 0-9, '.', '_' and '-'",
                                            name_bytes_max));
        return;
    }
    const auto [first, added] = taken.names.emplace(name->value, name->at.line);
    if (!added) {
        table.problem(name->at, fmt::format("port '{}' is defined already, in line {}; give this one another name",
                                            name->value, first->second));
        return;
    }
    entry.name = name->value;
}

void read_device(Table& table, PortEntry& entry, Taken& taken) {
    const auto device = table.string("device");
    if (!device) return;
    const std::string& path = device->value;
    if (is_simulated(path) ? path.size() == 4 : !path.starts_with('/') && !path.starts_with("archive:/")) {
        table.problem(device->at, fmt::format("'device' in [[port]] must be an absolute path, a simulator such as "
                                              "\"sim:echo\" or an archive such as \"archive:/DIR\", not '{}'",
                                              path));
        return;
    }
    if (path.size() > path_bytes_max || has_control_characters(path)) {
        table.problem(
            device->at,
            fmt::format("'device' in [[port]] must be at most {} bytes without control characters", path_bytes_max));
        return;
    }
    entry.device = path;
    if (is_simulated(path)) {
        const auto spec = sim::parse_sim_spec(path);
        if (!spec) table.problem(device->at, "'device' in [[port]]: " + spec.error().message);
        return;
    }
    if (is_archive(path)) return;
    const std::string normal = std::filesystem::path(path).lexically_normal().string();
    const auto [first, added] = taken.devices.emplace(normal, std::pair{entry.name, device->at.line});
    if (!added) {
        table.problem(
            device->at,
            fmt::format("device '{}' is used already by port '{}' in line {}; a device can be held by one port only",
                        path, first->second.first, first->second.second));
    }
}

void read_format(Table& table, line::Format& format) {
    const auto text = table.string("format");
    const auto flow = table.word("flow", {"none", "rtscts", "xonxoff"});
    if (text) {
        const auto parsed = line::parse_format(text->value);
        if (!parsed) {
            table.problem(text->at, "'format' in [[port]]: " + parsed.error().message);
            return;
        }
        format = *parsed;
        if (flow && text->value.find('/') != std::string::npos) {
            table.problem(flow->at,
                          "flow control is given twice in [[port]]: by 'format' and by 'flow'; keep one of them");
        }
    }
    if (!flow) return;
    format.flow_control = flow->value == "rtscts"    ? line::FlowControl::rts_cts
                          : flow->value == "xonxoff" ? line::FlowControl::xon_xoff
                                                     : line::FlowControl::none;
}

void read_description(Table& table, PortEntry& entry) {
    const auto text = table.string("description");
    if (!text) return;
    if (text->value.size() > description_bytes_max || has_control_characters(text->value)) {
        table.problem(text->at, fmt::format("'description' in [[port]] must be one line of at most {} bytes",
                                            description_bytes_max));
        return;
    }
    entry.description = text->value;
}

void read_record_tx(Table& table, const Config& server, PortEntry& entry) {
    const auto on = table.boolean("record_tx");
    if (!on) return;
    entry.record_tx = on->value;
    if (on->value && is_archive(entry.device))
        table.problem(on->at, "'record_tx' in [[port]]: nothing is sent to an archive that is served; remove it");
    else if (on->value && !server.archive)
        table.problem(on->at, "'record_tx' in [[port]] needs an archive: give [archive] a 'directory'");
}

PortEntry read_port(const toml::table& source, const Config& server, Problems& problems, Taken& taken) {
    Table table(source, "[[port]]", problems);
    PortEntry entry;
    for (const std::string_view key : {"name", "device"}) {
        if (!source.contains(key)) table.problem(table.at(), fmt::format("[[port]] needs '{}'", key));
    }
    read_name(table, entry, taken);
    read_description(table, entry);
    entry.labels = read_port_labels(table, problems);
    read_device(table, entry, taken);
    line::Settings settings;
    if (const auto baud = table.integer("baud", baud_min, baud_max)) {
        settings.baud = static_cast<std::uint32_t>(baud->value);
    }
    read_format(table, settings.format);
    if (const auto valid = line::ValidSettings::of(settings)) entry.settings = *valid;
    if (const auto bytes = table.size("tx_queue_bytes", tx_queue_bytes_min, tx_queue_bytes_max)) {
        entry.tx_queue_bytes = static_cast<std::size_t>(bytes->value);
    }
    if (const auto on = table.boolean("hangup_on_close")) entry.hangup_on_close = on->value;
    if (const auto on = table.boolean("reopen_pts")) entry.reopen_pts = on->value;
    read_record_tx(table, server, entry);
    entry.listen = read_port_listen(table, server, taken.addresses, problems);
    table.finish();
    return entry;
}

}  // namespace

std::vector<PortEntry> read_ports(Table& root, const Config& server, Problems& problems) {
    std::vector<PortEntry> ports;
    Taken taken;
    for (const std::string& address : server.listen) take(address, "'listen' in [server]", taken);
    take(server.metrics, "'metrics' in [server]", taken);
    if (server.web) {
        for (const std::string& address : server.web->listen) take(address, "'listen' in [web]", taken);
    }
    root.tables("port", [&](const toml::table& table) {
        ports.push_back(read_port(table, server, problems, taken));
        if (ports.size() == ports_max + 1) {
            problems.add(table.source().begin, fmt::format("there are more than {} ports", ports_max));
        }
    });
    return ports;
}

}  // namespace vserd::config
