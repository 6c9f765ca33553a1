#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "port/port.hpp"

namespace vserd::port {

/// What the parts of a port share: what the port shows to others, and where it reports. Io thread only.
struct PortStatus {
    PortStatus(PortConfig port_config, Listener& port_listener);

    PortConfig config;                       ///< name and device stay
    const std::shared_ptr<PortStats> stats;  ///< with the scrape thread
    Listener& listener;
    PortState state = PortState::offline;
    bool stopping = false;  ///< the port reports nothing any more
    std::string offline_reason = "not opened yet";
    line::Settings settings;     ///< in force; while offline, to be applied
    line::ValidSettings wanted;  ///< as last asked for; applied at the next open
    std::optional<line::Signals> signals;
    std::optional<line::Capabilities> capabilities;
    line::Kind kind;
    std::vector<std::string> foreign_readers;

    bool is_online() const noexcept { return state == PortState::online; }
    Result<void> require_online() const;
    /// A failure with the capability as subject: "the device of port ... " and `what`.
    Error unsupported(const char* capability, const std::string& what) const;
    /// For settings that are in force, or will be at the next open.
    void show_settings(const line::Settings& shown);
    /// How long `bytes` take on the wire.
    std::chrono::microseconds wire_time(std::uint64_t bytes) const;
};

}  // namespace vserd::port
