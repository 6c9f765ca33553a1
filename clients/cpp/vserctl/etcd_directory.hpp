#pragma once

#include <chrono>
#include <memory>

#include "vser_client/fleet.hpp"
#include "vserctl/etcd_options.hpp"

namespace vserctl {

/// Answers from what the bridges have written into etcd. Every answer is read anew, so nothing is watched. Fails if a file cannot be
/// read. `limit`: for each member. Requires: options.members is not empty.
vser::client::Result<std::shared_ptr<vser::client::FleetDirectory>> open_etcd_directory(
    const EtcdOptions& options, std::chrono::milliseconds limit);

}  // namespace vserctl
