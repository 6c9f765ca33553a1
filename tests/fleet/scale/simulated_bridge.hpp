#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fleet/counters.hpp"
#include "fleet/health.hpp"
#include "fleet/lease.hpp"
#include "fleet/link.hpp"
#include "fleet/mirror.hpp"
#include "fleet/registrar.hpp"
#include "fleet/settings.hpp"
#include "roster/roster.hpp"

namespace vserd::fleet_scale {

struct Plan {
    std::string etcd;  ///< "HOST:PORT"
    std::size_t bridges = 1000;
    std::size_t ports = 48;   ///< of each bridge
    std::size_t mirrors = 1;  ///< bridges that also keep a copy of the fleet
};

std::string bridge_name(std::size_t bridge);
std::string port_name(std::size_t bridge, std::size_t port);

/// What server/fleet runs for one vserd, with ports that nobody serves. Many of them share one thread.
class SimulatedBridge {
public:
    SimulatedBridge(std::shared_ptr<boost::asio::io_context> context, const Plan& plan, std::size_t index,
                    bool has_mirror);

    /// On the thread of the context, like all others.
    void start(std::size_t ports);
    /// Calls `done` when the lease is given up.
    void stop(std::function<void()> done);

    const fleet::Counters& counters() const noexcept { return counters_; }  // any thread
    const roster::Roster& roster() const noexcept { return roster_; }       // any thread

private:
    fleet::Awaitable<> leave(std::function<void()> done);

    const std::size_t index_;
    const std::shared_ptr<boost::asio::io_context> context_;  // shared with the calls of the links
    const fleet::Settings settings_;
    fleet::Counters counters_;
    roster::Roster roster_;
    fleet::Health health_;
    fleet::Link link_;
    fleet::Lease lease_;
    fleet::Registrar registrar_;
    std::optional<fleet::Mirror> mirror_;
};

}  // namespace vserd::fleet_scale
