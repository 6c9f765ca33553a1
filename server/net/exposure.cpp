#include "net/exposure.hpp"

#include "net/listen_socket.hpp"

namespace vserd::net {

Result<void> check_exposure(const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) {
        if (is_local(address)) continue;
        return Error{Failure::invalid_argument, 0, "listen",
                     address +
                         " can be reached from other machines without TLS: give certificate and key in [server.tls], "
                         "or set allow_insecure_remote = true in [server] if that is meant"};
    }
    return {};
}

}  // namespace vserd::net
