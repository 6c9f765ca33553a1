#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vserd::rpc {

/// What GetServerInfo tells about the daemon besides its ports.
struct ServerInfo {
    std::string version;
    std::string engine;
    std::vector<std::pair<std::string, std::string>> engines_refused;  ///< name, reason; best first
};

}  // namespace vserd::rpc
