#pragma once

#include <string>
#include <vector>

namespace vserd::net {

/// The program at the other end of a connected Unix socket, as it was when it connected (SO_PEERCRED and SO_PEERGROUPS,
/// unix(7)): "uid:1000", then "gid:1000" and its other groups. Without the numbers that stand for all users or groups that
/// have none in the user namespace of this process. Empty for other sockets.
std::vector<std::string> unix_peer_names(int socket);

}  // namespace vserd::net
