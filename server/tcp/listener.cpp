#include "tcp/listener.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/client_socket.hpp"
#include "net/tls_context.hpp"
#include "net/unix_peer.hpp"
#include "tcp/com_port_connection.hpp"
#include "tcp/raw_connection.hpp"
#include "tcp/telnet_connection.hpp"
#include "tcp/tls_stream.hpp"

namespace vserd::tcp {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr int accepted_per_turn_max = 16;
/// The pause after descriptors or memory ran out. New clients wait in the backlog meanwhile.
constexpr std::chrono::milliseconds accept_backoff{100};
constexpr std::chrono::seconds farewell_limit{2};

void set_connection_options(int fd) {
    net::set_client_options(fd);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on,
                 sizeof on);  // telnet's SYNCH, whose last byte would be missing otherwise
}

/// For the journal and other clients: "192.0.2.1:4711".
std::string name_of(const sockaddr_storage& peer, socklen_t size) {
    std::string address = net::address_of(peer, size);
    return address.empty() ? "unix" : address;  // programs seldom bind the client's end
}

/// Whether clients with the old options must be disconnected.
bool differs_for_clients(const ListenOptions& before, const ListenOptions& after) {
    return before.protocol != after.protocol || before.mode != after.mode || before.tls != after.tls ||
           before.port != after.port || before.role != after.role;
}

}  // namespace

Listener::Listener(ListenerEnvironment& environment, ListenOptions options, std::vector<net::ListenSocket> sockets)
    : environment_(environment),
      options_(std::move(options)),
      address_(sockets.front().address()),
      backoff_(environment.loop.context()),
      stats_(std::make_shared<ListenerStats>(options_.port, options_.protocol)) {
    for (net::ListenSocket& socket : sockets) {
        const int fd = socket.fd();
        sockets_.push_back({std::move(socket), stream_descriptor(environment.loop.context(), fd)});
        accept(sockets_.back());
    }
}

Listener::~Listener() {
    stop_accepting();
    close_all();
}

void Listener::change(const ListenOptions& options) {
    const bool differs = differs_for_clients(options_, options);
    options_ = options;
    if (!differs) return;
    stats_ = std::make_shared<ListenerStats>(options_.port, options_.protocol);
    finish_all("the listener was changed", farewell_limit);
}

void Listener::stop_accepting() {
    backoff_.cancel();
    alive_.reset();
    for (Socket& socket : sockets_) socket.ready.release();
    sockets_.clear();
}

void Listener::finish_all(std::string_view reason, std::chrono::milliseconds limit) {
    const auto all = connections_;  // each removes itself
    for (const auto& connection : all) connection->finish(reason, limit);
}

void Listener::close_all() {
    const auto all = std::exchange(connections_, {});
    for (const auto& connection : all) connection->close();
}

void Listener::tick(std::chrono::steady_clock::time_point now) {
    const auto all = connections_;
    for (const auto& connection : all) connection->tick(now);
}

void Listener::accept(Socket& socket) {
    socket.ready.async_wait(stream_descriptor::wait_read,
                            [this, &socket, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                                if (error || alive.expired()) return;
                                if (!accept_some(socket)) return accept(socket);
                                backoff_.expires_after(accept_backoff);
                                backoff_.async_wait([this, &socket, alive](const boost::system::error_code& ended) {
                                    if (!ended && !alive.expired()) accept(socket);
                                });
                            });
}

/// Whether descriptors or memory have run out.
bool Listener::accept_some(Socket& socket) {
    for (int accepted = 0; accepted < accepted_per_turn_max; ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::Fd fd(
            ::accept4(socket.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return net::is_accept_short(errno);
        if (net::is_beyond_descriptors(fd.get())) {
            environment_.refused.descriptors.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
        if (peer.ss_family != AF_UNIX) set_connection_options(fd.get());
        add(std::move(fd), name_of(peer, size));
    }
    return false;
}

void Listener::add(base::Fd fd, std::string peer) {
    if (!make_room()) {
        environment_.refused.clients_max.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    auto names = net::unix_peer_names(fd.get());
    auto stream = stream_of(std::move(fd));
    if (!stream) {
        environment_.refused.tls.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    ConnectionEnvironment environment{options_, stats_, environment_.scratch, environment_.refused};
    hub::Session session(environment_.hub, {.identity = {.names = std::move(names), .granted = options_.role},
                                            .via = to_string(options_.protocol),
                                            .peer = std::move(peer)});
    const auto on_end = [this](const Connection& connection) { ended(connection); };
    const auto make = [&]<class Kind>(std::type_identity<Kind>) -> std::shared_ptr<Connection> {
        return std::make_shared<Kind>(std::move(environment), std::move(stream), std::move(session), on_end);
    };
    std::shared_ptr<Connection> connection;
    switch (options_.protocol) {
        case Protocol::raw: connection = make(std::type_identity<RawConnection>{}); break;
        case Protocol::telnet: connection = make(std::type_identity<TelnetConnection>{}); break;
        case Protocol::rfc2217: connection = make(std::type_identity<ComPortConnection>{}); break;
    }
    connections_.push_back(connection);
    environment_.changed();
    connection->start();
}

/// If the listener is full, disconnects a client that only waits for its last output.
bool Listener::make_room() {
    if (connections_.size() < options_.clients_max) return true;
    const auto half_closed =
        std::ranges::find_if(connections_, [](const auto& connection) { return connection->half_closed(); });
    if (half_closed == connections_.end()) return false;
    const auto oldest = *half_closed;
    oldest->close();
    return true;
}

/// Null if TLS is not available.
std::unique_ptr<Stream> Listener::stream_of(base::Fd fd) {
    auto& context = environment_.loop.context();
    if (!options_.tls) return std::make_unique<PlainStream>(context, std::move(fd));
    const auto tls = environment_.tls != nullptr ? environment_.tls->current() : Result<ssl_ctx_st*>(Error{});
    if (!tls) return nullptr;
    return std::make_unique<TlsStream>(context, std::move(fd), *tls);
}

void Listener::ended(const Connection& connection) {
    std::erase_if(connections_, [&](const auto& each) { return each.get() == &connection; });
    environment_.changed();
}

}  // namespace vserd::tcp
