#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vserd::fleet {

/// A member of the etcd cluster.
struct Endpoint {
    std::string url;      ///< for messages
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
};

inline std::string quoted_option(std::string_view key) { return "'" + std::string(key) + "'"; }

/// How messages name what is to be corrected. vserctl has options instead of the daemon's keys.
struct Wording {
    std::string (*option)(std::string_view key) = quoted_option;
    std::string_view place = " in [fleet]";  ///< of the options; may be empty
    std::string_view tls_url = "https://";
    std::string_view rights = "readwrite";
};

/// How to reach etcd. The files are read again for each connection, and the password for each token.
struct EtcdSettings {
    std::vector<Endpoint> endpoints;  ///< at least one
    std::string user;                 ///< empty: etcd asks for no password
    std::string password_file;
    std::string ca_file;
    std::string certificate_file;  ///< empty: none is shown
    std::string key_file;
    std::string tls_name;  ///< empty: the host of the endpoint
    Wording wording{};
};

struct Settings {
    EtcdSettings etcd;
    std::string prefix;  ///< "/vserd/v1"
    std::chrono::seconds ttl{15};
    // What this bridge registers.
    std::string bridge;   ///< its id
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
    std::string version;
    std::string metrics_address;
    bool metrics_tls = false;
    std::string web;
    std::string machine;  ///< a hash of the machine's id; empty: not known
    /// Whether vserd stops in order to start again at once; then the registration is kept. Called once, on the fleet's thread.
    std::function<bool()> restarts = [] { return false; };
    /// Called on any thread, with a sentence.
    std::function<void(const std::string&)> warn;
    std::function<void(const std::string&)> inform;
};

}  // namespace vserd::fleet
