#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vserd::fleet {

/// What a key below the prefix is about: PREFIX/port/NAME, PREFIX/bridge/ID, or something that vserd did not write.
enum class KeyKind : std::uint8_t { port, bridge, foreign };

struct Key {
    KeyKind kind;
    std::string_view name;
};

/// `key` outlives the name.
Key parse_key(std::string_view key, std::string_view prefix);

std::string port_key(std::string_view prefix, std::string_view name);
std::string bridge_key(std::string_view prefix, std::string_view id);

/// The key after all that begin with `prefix` and '/'.
std::string end_of_keys(std::string_view prefix);

/// Everything below the prefix. For a RangeRequest and a WatchCreateRequest.
template <class Request>
void set_range(Request& request, const std::string& prefix) {
    request.set_key(prefix + "/");
    request.set_range_end(end_of_keys(prefix));
}

}  // namespace vserd::fleet
