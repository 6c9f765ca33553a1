#pragma once

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "net/listen_socket.hpp"
#include "tcp/connection.hpp"

namespace vserd::hub {
class Hub;
}
namespace vserd::net {
class TlsContext;
}

namespace vserd::tcp {

/// Shared by all listeners. Everything here outlives them.
struct ListenerEnvironment {
    hub::Hub& hub;
    io::Loop& loop;
    net::TlsContext* tls;  ///< null: no TLS
    std::span<std::byte> scratch;
    RefusedClients& refused;
    std::function<void()> changed;  ///< called when a client connects or leaves
};

/// Accepts the clients of one [[port.listen]] and keeps their connections. Io thread only.
class Listener {
public:
    Listener(ListenerEnvironment& environment, ListenOptions options, std::vector<net::ListenSocket> sockets);
    ~Listener();  ///< closes every connection
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    const ListenOptions& options() const noexcept { return options_; }
    /// With the port number that the system chose.
    const std::string& address() const noexcept { return address_; }
    const std::shared_ptr<ListenerStats>& stats() const noexcept { return stats_; }
    std::size_t connections() const noexcept { return connections_.size(); }

    /// Uses the options for new clients. Disconnects present clients if the options change what they may do.
    void change(const ListenOptions& options);
    /// Stops accepting, and frees the address.
    void stop_accepting();
    void finish_all(std::string_view reason, std::chrono::milliseconds limit);
    void close_all();
    void tick(std::chrono::steady_clock::time_point now);

private:
    struct Socket {
        net::ListenSocket socket;
        boost::asio::posix::stream_descriptor ready;  ///< borrows the descriptor of `socket`
    };

    void accept(Socket& socket);
    bool accept_some(Socket& socket);
    void add(base::Fd fd, std::string peer);
    bool make_room();
    std::unique_ptr<Stream> stream_of(base::Fd fd);
    void ended(const Connection& connection);

    ListenerEnvironment& environment_;
    ListenOptions options_;
    std::string address_;
    std::list<Socket> sockets_;
    boost::asio::steady_timer backoff_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();  // a completed wait may still be queued after destruction
    std::shared_ptr<ListenerStats> stats_;                    // shared with the scrape thread
    std::list<std::shared_ptr<Connection>> connections_;      // shared with their pending waits in the loop
};

}  // namespace vserd::tcp
