#include "net/exposure.hpp"

#include <fmt/core.h>

#include "net/listen_socket.hpp"

namespace vserd::net {

Result<void> check_exposure(const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) {
        if (is_local(address)) continue;
        return Error{Failure::invalid_argument, 0, "listen",
                     fmt::format("{} is reachable from other machines without TLS; configure certificate and key in "
                                 "[server.tls], or set allow_insecure_remote = true in [server]",
                                 address)};
    }
    return {};
}

}  // namespace vserd::net
