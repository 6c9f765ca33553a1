#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace vserd::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Forwards connections to a server, each with one request. hub::Calls carries no headers, on purpose; the conformance service has
/// to tell those of the request, and to add some to the response. So this notes the former and adds the latter.
class Relay {
public:
    /// Listens on loopback, and serves until the process ends.
    explicit Relay(std::uint16_t server_port);

    std::uint16_t port() const noexcept { return port_; }
    /// The headers of the request on that connection; `peer` is the client that the server sees, "127.0.0.1:4711".
    Headers request_headers(const std::string& peer) const;
    void set_response_headers(const std::string& peer, Headers headers);

private:
    void accept();
    void serve(base::Fd client);
    Headers take_response_headers(const std::string& peer);

    const std::uint16_t server_port_;
    base::Fd listener_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, Headers> requests_;   ///< guarded by mutex_; by peer
    std::map<std::string, Headers> responses_;  ///< guarded by mutex_; by peer
};

}  // namespace vserd::test
