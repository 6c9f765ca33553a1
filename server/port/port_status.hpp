#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "port/port.hpp"

namespace vserd::port {

/// The state that the parts of a port share, and the listener. Io thread only.
struct PortStatus {
    PortStatus(PortConfig port_config, Listener& port_listener);

    PortConfig config;                       ///< name and device never change
    const std::shared_ptr<PortStats> stats;  ///< shared with the scrape thread
    Listener& listener;
    PortState state = PortState::offline;
    bool stopping = false;  ///< no more events are reported
    std::string offline_reason = "not opened yet";
    line::Settings settings;     ///< in force; while offline, for the next open
    line::ValidSettings wanted;  ///< last requested; applied at the next open
    std::optional<line::Signals> signals;
    std::optional<line::Capabilities> capabilities;
    line::Kind kind;
    std::vector<std::string> foreign_readers;

    bool is_online() const noexcept { return state == PortState::online; }
    Result<void> require_online() const;
    /// An error with the capability as subject: "port "..." (device): the device " and `what`.
    Error unsupported(const char* capability, const std::string& what) const;
    /// Publishes settings that are in force, or will be after the next open.
    void show_settings(const line::Settings& shown);
    /// The time that the line takes for `bytes`.
    std::chrono::microseconds wire_time(std::uint64_t bytes) const;
};

}  // namespace vserd::port
