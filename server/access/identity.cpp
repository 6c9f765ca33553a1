#include "access/identity.hpp"

namespace vserd::access {

std::string to_string(const Identity& identity) {
    return identity.names.empty() ? "anonymous" : identity.names.front();
}

Identity internal_identity() { return {.granted = Role::admin}; }

}  // namespace vserd::access
