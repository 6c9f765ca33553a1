#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/result.hpp"

namespace vserctl {

/// A member of the etcd cluster.
struct EtcdMember {
    std::string url;      ///< for messages: "etcd://HOST:PORT"
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
};

/// How vserctl asks etcd itself where ports are. Empty texts are not set.
struct EtcdOptions {
    std::vector<EtcdMember> members;  ///< from the entry of the fleet; empty: bridges are asked
    std::string ca;
    std::string cert;
    std::string key;
    std::string tls_name;
    std::string user;
    std::string password_file;
    std::string prefix;
};

/// A key "etcd_NAME" of [fleet] in the configuration, and the option "--etcd-NAME". The names are those of the daemon's [fleet].
struct EtcdOption {
    std::string_view name;  ///< as in the daemon's [fleet]: "password_file"
    std::string EtcdOptions::*value;
    bool is_path;
    const char* help;
};
const std::vector<EtcdOption>& etcd_option_list();
/// "--etcd-password-file" for "password_file".
std::string etcd_option_name(std::string_view name);
void add_etcd_options(CLI::App& app, EtcdOptions& options);

/// Whether an entry of the list begins with "etcd://" or "etcds://".
bool is_etcd_entry(const std::vector<std::string>& entries);
/// "etcd://HOST:PORT,HOST:PORT" or "etcds://...", as one text or several. `tls`: even with "etcd://".
vser::client::Result<std::vector<EtcdMember>> parse_etcd_entry(const std::vector<std::string>& entries, bool tls);
/// Adds the members of `entries`, and takes from `named` what `given` does not have. Fails if something is missing or not safe.
vser::client::Result<> complete_etcd(EtcdOptions& given, const EtcdOptions& named,
                                     const std::vector<std::string>& entries);
/// The name of an option that is set, for an entry that is no etcd.
std::optional<std::string> any_etcd_option(const EtcdOptions& options);

}  // namespace vserctl
