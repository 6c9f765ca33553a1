#pragma once

#include <string>
#include <vector>

namespace vserd::net {

/// The program at the other end of a connected Unix socket, as it was when it connected (SO_PEERCRED and SO_PEERGROUPS,
/// unix(7)): "uid:1000", then "gid:1000" and its other groups. Empty for other sockets.
std::vector<std::string> unix_peer_names(int socket);

}  // namespace vserd::net
