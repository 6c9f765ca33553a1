#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "roster/roster.hpp"

namespace vserd::fleet {

/// A value in etcd is at most this long; longer ones are not read.
inline constexpr std::size_t entry_bytes_max = std::size_t{64} << 10;

/// The values of PREFIX/port/NAME and PREFIX/bridge/ID: the JSON form of FleetPort and Bridge.
std::string to_json(const roster::Port& port);
std::string to_json(const roster::Bridge& bridge);

/// Fails if the value is none, or is about another name than its key. Unknown fields are ignored. Others write these values, so
/// nothing in them is trusted: names and addresses are well-formed, and texts are printable.
Result<roster::Port> port_of_json(std::string_view name, std::string_view json);
Result<roster::Bridge> bridge_of_json(std::string_view id, std::string_view json);

}  // namespace vserd::fleet
