#include "net/exposure.hpp"

#include <fmt/core.h>

#include "net/listen_socket.hpp"

namespace vserd::net {

Result<void> check_exposure(const std::vector<std::string>& addresses, Protection protection) {
    if (protection.tls && protection.rules) return {};
    for (const std::string& address : addresses) {
        if (is_local(address)) continue;
        const char* const missing =
            protection.tls ? "and no rule says who may do what; add an [[access.rule]]"
                           : "without TLS; configure certificate and key in [server.tls], and an [[access.rule]]";
        return Error{
            Failure::invalid_argument, 0, "listen",
            fmt::format("{} is reachable from other machines {}, or set allow_insecure_remote = true in [server]",
                        address, missing)};
    }
    return {};
}

}  // namespace vserd::net
