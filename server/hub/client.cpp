#include "hub/client.hpp"

#include "base/text.hpp"

namespace vserd::hub {

std::string shown_name(const Client& client) {
    return client.name.empty() ? base::printable_text(client.peer) : client.name;
}

}  // namespace vserd::hub
