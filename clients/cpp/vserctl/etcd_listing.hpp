#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "roster/roster.hpp"
#include "vser_client/fleet.hpp"
#include "vserctl/etcd_reader.hpp"

namespace vserctl {

/// Everything that an etcd has below the prefix, at one revision. Keys that are of no use are counted and left out.
class EtcdListing {
public:
    /// `prefix` outlives this.
    explicit EtcdListing(const std::string& prefix) : prefix_(prefix) {}

    /// Failure::out_of_range: etcd has forgotten the revision of the first page meanwhile. Requires: called once.
    vserd::Result<void> read(EtcdReader& etcd);
    vser::client::FleetPorts ports() const;
    vser::client::FleetBridges bridges() const;

private:
    vserd::Result<void> take(const EtcdReader::Answer& page);
    void put(const mvccpb::KeyValue& key);
    void ignore(std::string_view key, const std::string& why);
    std::string problem() const;
    vser::client::FleetStatus status() const;

    const std::string& prefix_;
    vserd::roster::Roster roster_;
    bool stale_ = false;
    std::size_t taken_ = 0;
    std::size_t ignored_ = 0;
    std::string ignored_first_;
};

vser::client::FleetPort client_port(const vserd::roster::Port& port);

}  // namespace vserctl
