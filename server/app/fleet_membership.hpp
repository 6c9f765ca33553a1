#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "config/config.hpp"
#include "fleet/fleet.hpp"
#include "hub/hub.hpp"
#include "metrics/exporter.hpp"
#include "roster/roster.hpp"

namespace vserd {

/// What [fleet] asks for. The message says which key to change. Requires: config.fleet.
Result<fleet::Settings> fleet_settings(const config::Config& config);

/// Whether vserd could start with [fleet]; true without it.
Result<void> check_fleet(const config::Config& config);
/// What `vserd check` doubts about it.
std::optional<std::string> fleet_warning(const config::Config& config);

/// The daemon's place in its fleet, and its copy of the fleet. Without [fleet] there is neither. Io thread.
class FleetMembership {
public:
    /// Null without [fleet]. Before start(), it is empty.
    roster::Roster* roster(const config::Config& config) { return config.fleet ? &roster_ : nullptr; }
    Result<void> start(const config::Config& config, hub::Hub& hub);
    /// Gives up the registration, and calls `done` after a second at most.
    void stop(const std::function<void()>& done);
    /// Nothing without [fleet]. Any thread.
    std::optional<metrics::FleetCounts> counts() const;

private:
    roster::Roster roster_;
    std::unique_ptr<fleet::Fleet> fleet_;
    std::atomic<const fleet::Fleet*> published_{nullptr};
};

}  // namespace vserd
