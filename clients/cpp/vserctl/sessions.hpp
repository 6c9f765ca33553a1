#pragma once

#include <string>
#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/json.hpp"
#include "vserctl/options.hpp"

/// The commands about who is connected. Each prints its result and returns the exit code.
namespace vserctl {

int run_who(const vser::client::Client& client, const WhoCommand& command, bool json);
int run_end(const vser::client::Client& client, const EndCommand& command, bool json);
int run_notice(const vser::client::Client& client, const NoticeCommand& command, bool json);

struct SessionsOfBridge {
    std::string bridge;
    std::vector<vser::client::Session> sessions;
};
/// For people.
std::string sessions_table(const std::vector<SessionsOfBridge>& all, bool with_bridge);
JsonObject session_json(const vser::client::Session& session);

/// One line for `attach`: "k7fm-12 ann@lab by telnet, read-write, for 5 min, 12 bytes behind".
std::string describe(const vser::client::Session& session);

}  // namespace vserctl
