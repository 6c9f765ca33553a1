#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace vserd::pki {

/// A private CA in a directory: ca.crt, ca.key, server.crt, server.key, and clients/NAME.crt and .key. Keys have mode 0600. No
/// file is ever overwritten.
class Authority {
public:
    explicit Authority(std::string directory) : directory_(std::move(directory)) {}

    /// Makes the directory, which must not contain a CA yet, and the CA's certificate, which is valid for ten years.
    Result<void> create() const;
    /// Makes server.crt for these host names and IP addresses, valid for two years.
    Result<void> add_server(const std::vector<std::string>& hosts) const;
    /// Makes clients/NAME.crt with the URI client_uri(), valid for two years.
    Result<void> add_client(const std::string& name) const;

    std::string path(const std::string& file) const { return directory_ + "/" + file; }
    /// "spiffe://vserd/NAME", by which rules name the client.
    static std::string client_uri(const std::string& name) { return "spiffe://vserd/" + name; }

private:
    const std::string directory_;
};

/// Fails if it cannot be a name of a client: 1 to 64 of A-Z a-z 0-9 . _ -
Result<void> check_client_name(const std::string& name);
/// Fails if it is neither a host name nor an IP address.
Result<void> check_host(const std::string& host);

}  // namespace vserd::pki
