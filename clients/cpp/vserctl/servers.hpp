#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vser_client/result.hpp"
#include "vserctl/etcd_options.hpp"

namespace vserctl {

/// One [server.NAME] table: how to reach a vserd. Empty texts are not set.
struct NamedServer {
    std::string name;
    std::string address;
    bool tls = false;  ///< also set by each of the other TLS keys
    std::string ca;
    std::string cert;
    std::string key;
    std::string tls_name;
    std::string token_file;
};

/// The [fleet] table: how to reach a fleet by any of its bridges, or by its etcd.
struct NamedFleet {
    std::vector<std::string>
        entries;  ///< addresses of bridges or of an etcd, in the order in which they are tried; empty: there is no fleet
    std::vector<std::string> hosts;  ///< globs of hosts that bridges may have; empty: any
    NamedServer access;              ///< TLS and token, for all bridges
    EtcdOptions etcd;                ///< without members
};

/// vserctl's configuration file.
struct Servers {
    std::string file;
    NamedFleet fleet;
    std::string usual;  ///< the server that is used if none is named; may be empty
    std::vector<NamedServer> list;

    /// Null if there is none of this name.
    const NamedServer* find(std::string_view name) const;
};

/// An error in the configuration or in a file that it names; vserctl exits with status 2.
vser::client::Error configuration_error(std::string message);

/// $XDG_CONFIG_HOME/vserctl/config.toml or ~/.config/vserctl/config.toml; empty without a home directory.
std::string servers_file();

/// Relative paths in `text` are relative to the directory of `file`, and "~/" is the home directory. Errors have the form
/// FILE:LINE:COLUMN: message.
vser::client::Result<Servers> parse_servers(std::string_view text, const std::string& file);
/// A file that does not exist is an error only if it is `required`.
vser::client::Result<Servers> read_servers(const std::string& file, bool required);

}  // namespace vserctl
