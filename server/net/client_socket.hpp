#pragma once

namespace vserd::net {

/// For a connection that a front end has accepted: small writes go out at once, and a peer that acknowledges nothing for a minute is
/// dead. That includes a client that has stopped reading while bytes wait for it.
void set_client_options(int fd);

/// Whether the connection has one of the descriptors that are kept free for devices and files.
bool is_beyond_descriptors(int fd);

}  // namespace vserd::net
