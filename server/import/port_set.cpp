#include "import/port_set.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "base/address.hpp"
#include "base/text.hpp"
#include "config/limits.hpp"

namespace vserd::importing {
namespace {

/// Each byte may be escaped in the written file, whose lines are limited.
constexpr std::size_t device_bytes_max = 2000;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

/// The text as the name of a port.
std::string valid_name(std::string text) {
    text.resize(std::min(text.size(), config::name_bytes_max));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return !is_name_character(c); }, '-');
    return text.empty() ? "port" : text;
}

bool is_simulated(const std::string& device) { return device.starts_with("sim:"); }

std::string settings_text(const line::Settings& settings) {
    return fmt::format("{} {}", settings.baud, line::to_string(settings.format));
}

}  // namespace

PortSet::PortSet(const Environment& environment, Document& document) : environment_(environment), document_(document) {
    for (const char* text : {"127.0.0.1:50051", "127.0.0.1:9464"}) {
        addresses_.add(text, base::parse_address(text).value(), "vserd itself");
    }
}

void PortSet::check_name(ImportedPort& port, Place at) {
    const std::string wanted = std::exchange(port.entry.name, valid_name(port.entry.name));
    std::string base = port.entry.name.substr(0, config::name_bytes_max - 6);
    for (int number = 2; !names_.insert(port.entry.name).second; ++number) {
        port.entry.name = fmt::format("{}-{}", base, number);
    }
    if (port.entry.name == wanted) return;
    port.remarks.push_back({at, fmt::format("the name was '{}'; a name is unique and has 1 to {} of A-Z a-z 0-9 . _ -",
                                            wanted, config::name_bytes_max)});
}

void PortSet::check_device(ImportedPort& port, Place at) const {
    std::string& device = port.entry.device;
    if (is_simulated(device)) return;
    const bool usable =
        device.starts_with('/') && device.size() <= device_bytes_max && base::printable_text(device) == device;
    if (usable) return;
    port.remarks.push_back({at, fmt::format("'{}' is not the absolute path of a device", device)});
    port.active = false;
}

void PortSet::check_listen(ImportedListen& listen, Place at) {
    const auto refuse = [&](const std::string& why) {
        listen.remarks.push_back({at, why});
        listen.active = false;
    };
    if (base::printable_text(listen.entry.address) != listen.entry.address) return refuse("the address is not a text");
    const auto address = base::parse_address(listen.entry.address);
    if (!address) return refuse(address.error().message);
    if (listen.entry.tls) {
        document_.tls = true;
        return refuse("needs TLS: configure [server.tls] and remove the comment signs here");
    }
    if (const auto usable = environment_.check_address(listen.entry.address); !usable) {
        return refuse(usable.error().message);
    }
    if (const auto* other = addresses_.add(listen.entry.address, *address, "another listener")) {
        return refuse(fmt::format("{} uses {}; choose another address", other->place, other->text));
    }
    if (!address->local) document_.insecure_remote = true;
}

void PortSet::merge(ImportedPort& into, ImportedPort& port, Place at) {
    std::string text =
        fmt::format("'{}' is on the same device: vserd holds a device once, with one set of settings", port.entry.name);
    if (port.entry.settings != into.entry.settings) {
        text += fmt::format("; it had {} here, and clients can change that", settings_text(port.entry.settings));
    }
    into.remarks.push_back({at, std::move(text)});
    std::move(port.remarks.begin(), port.remarks.end(), std::back_inserter(into.remarks));
    std::move(port.listen.begin(), port.listen.end(), std::back_inserter(into.listen));
    for (std::size_t i = config::port_listen_max; i < into.listen.size(); ++i) {
        if (!std::exchange(into.listen[i].active, false)) continue;
        into.listen[i].remarks.push_back({at, fmt::format("a port has at most {} listeners", config::port_listen_max)});
    }
}

void PortSet::add(ImportedPort port, Place at) {
    check_device(port, at);
    if (port.active) {
        for (ImportedListen& listen : port.listen) {
            if (listen.active) check_listen(listen, at);
        }
    }
    if (port.active && !is_simulated(port.entry.device)) {
        const std::string normal = std::filesystem::path(port.entry.device).lexically_normal().string();
        const auto [found, added] = devices_.emplace(normal, document_.ports.size());
        if (!added) return merge(document_.ports[found->second], port, at);
    }
    check_name(port, at);
    document_.ports.push_back(std::move(port));
}

}  // namespace vserd::importing
