#pragma once

#include "base/result.hpp"
#include "hub/session.hpp"
#include "roster/roster.hpp"
#include "vser/v1/fleet_service.pb.h"

namespace vserd::rpc {

void to_proto(const roster::Port& port, ::vser::v1::FleetPort& message);
/// `ports`: how many it owns.
void to_proto(const roster::Bridge& bridge, std::size_t ports, ::vser::v1::Bridge& message);
/// Without the conflicts about ports that the client may not list.
void to_proto(const roster::Status& status, const hub::Session& session, ::vser::v1::FleetStatus& message);

/// Whether the client may know that the port exists.
bool shows(const hub::Session& session, std::string_view port);
/// Failure::unsupported if there is no fleet, denied if the rules grant the client nothing at all.
Result<void> check_fleet(const hub::Session& session, const roster::Roster* roster);

}  // namespace vserd::rpc
