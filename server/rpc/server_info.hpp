#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vserd::rpc {

/// What GetServerInfo reports about the daemon, without its ports.
struct ServerInfo {
    std::string version;
    std::string engine;
    std::vector<std::pair<std::string, std::string>> engines_refused;  ///< name, reason; best first
};

}  // namespace vserd::rpc
