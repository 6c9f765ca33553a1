#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "web/request.hpp"
#include "web/response.hpp"

namespace vserd::web {

/// Keeps out pages of other origins, and names that somebody has pointed at this machine (DNS rebinding). A page may reach this
/// server only under a name that the operator knows, and only from that same origin.
class Guard {
public:
    /// `listen`: the addresses as configured. `hosts`: further names, "lab7.example", with a port or a scheme if wanted. A scheme is
    /// what browsers see when a proxy in front speaks TLS.
    Guard(const std::vector<std::string>& listen, const std::vector<std::string>& hosts);

    /// The refusal, or nothing.
    std::optional<Response> check_host(const Request& request, const Peer& peer) const;
    std::optional<Response> check_origin(const Request& request, const Peer& peer) const;

private:
    struct Host {
        std::string name;    ///< "lab7.example" or "lab7.example:8443"
        std::string scheme;  ///< empty: that of the connection
    };
    const Host* find(std::string_view host) const;

    std::vector<Host> hosts_;
};

/// "[::1]:8080" -> "[::1]", "localhost" -> "localhost".
std::string_view without_port(std::string_view host);

}  // namespace vserd::web
