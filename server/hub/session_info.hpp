#pragma once

#include <cstdint>
#include <string>

#include "access/role.hpp"
#include "hub/client.hpp"
#include "log/moment.hpp"

namespace vserd::hub {

/// What a session may do to its port. yielded: it has given the device to another program.
enum class SessionMode : std::uint8_t { yielded, read_only, read_write, exclusive };

/// A session as others see it: one client that stays connected to one port.
struct SessionInfo {
    std::string id;
    ClientRef client;  // shared with the session, which may end first
    std::string name;  ///< as other clients see it
    std::string port;
    SessionMode mode = SessionMode::read_only;
    log::WallTime since;
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t lag_bytes = 0;
    bool shows_client = false;  ///< who asked may see the identity and the address
};

}  // namespace vserd::hub
