#include "port/port_status.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "port/device.hpp"

namespace vserd::port {

PortStatus::PortStatus(PortConfig port_config, Listener& port_listener)
    : config(std::move(port_config)),
      stats(std::make_shared<PortStats>(config.name)),
      listener(port_listener),
      wanted(config.settings),
      kind(kind_of(config.device)) {
    show_settings(config.settings);
}

Result<void> PortStatus::require_online() const {
    if (is_online()) return {};
    return Error{Failure::unavailable, 0, "",
                 fmt::format("port \"{}\": the device is disconnected: {}", config.name, offline_reason)};
}

Error PortStatus::unsupported(const char* capability, const std::string& what) const {
    return {Failure::unsupported, 0, capability,
            fmt::format("port \"{}\" ({}): the device {}", config.name, config.device, what)};
}

void PortStatus::show_settings(const line::Settings& shown) {
    settings = shown;
    stats->baud.store(settings.baud, std::memory_order_relaxed);
}

std::chrono::microseconds PortStatus::wire_time(std::uint64_t bytes) const {
    const std::uint64_t half_bits = bytes * line::half_bits_per_character(settings.format);
    return std::chrono::microseconds{half_bits * 500'000 / std::max(settings.baud, 1U)};
}

}  // namespace vserd::port
