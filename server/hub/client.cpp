#include "hub/client.hpp"

#include <fmt/core.h>

#include "base/text.hpp"

namespace vserd::hub {

std::string shown_name(const Client& client) {
    if (!client.name.empty()) return client.name;
    if (client.via.empty() || client.via == "grpc") return base::printable_text(client.peer);
    return fmt::format("{} client {}", client.via, client.peer);
}

std::string account_of(const Client& client) {
    if (!client.identity.names.empty()) return fmt::format("{} {}", client.via, client.identity.names.front());
    return fmt::format("{} {}", client.via, client.peer.substr(0, client.peer.rfind(':')));
}

}  // namespace vserd::hub
