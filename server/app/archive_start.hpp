#pragma once

#include "archive/opening.hpp"
#include "config/config.hpp"
#include "hub/hub.hpp"

namespace vserd {

/// With [archive], makes the hub archive its ports; returns their archives, for Hub::apply(). A disk that fails or does not answer within 10 s does
/// not keep the consoles down: the ports are served without archives, and join them later. Failure::refused: another vserd uses the
/// directory.
Result<archive::Opening> begin_archive(const config::Config& config, const hub::HubConfig& ports, hub::Hub& hub);

/// Looks into the archives that are served, for Hub::apply(). If a disk does not answer within 10 s, their ports serve nothing and say
/// so.
hub::Hub::ServedArchives begin_served(const hub::HubConfig& ports);

}  // namespace vserd
