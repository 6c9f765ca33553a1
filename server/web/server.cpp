#include "web/server.hpp"

#include <fmt/core.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <exception>
#include <list>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/thread.hpp"
#include "hub/session.hpp"
#include "net/accept_loop.hpp"
#include "net/client_socket.hpp"
#include "net/listen_socket.hpp"
#include "net/tls_context.hpp"
#include "web/http_connection.hpp"
#include "web/site.hpp"

namespace vserd::web {
namespace {

using Sockets = std::vector<net::ListenSocket>;

Result<Sockets> open_sockets(const std::vector<std::string>& addresses) {
    Sockets all;
    for (const std::string& address : addresses) {
        auto opened = net::ListenSocket::open(address, "listen", "[web]");
        if (!opened) return opened.error();
        for (net::ListenSocket& socket : *opened) all.push_back(std::move(socket));
    }
    return all;
}

/// "192.0.2.7:1234" also where a listener of IPv6 has accepted it.
std::string plain_address(const sockaddr_storage& address, socklen_t size) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return net::address_of(address, size);
    sockaddr_storage mapped{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(mapped);
    v4.sin_family = AF_INET;
    v4.sin_port = v6.sin6_port;
    std::memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof v4.sin_addr);
    return net::address_of(mapped, sizeof v4);
}

/// The other end of a Unix socket has no address, and nobody is known by its uid: it usually is a proxy, for users of all kinds.
Peer peer_of(int fd, const sockaddr_storage& address, socklen_t size) {
    if (address.ss_family == AF_UNIX) return {.address = "unix:", .is_local = true};
    sockaddr_storage local{};
    socklen_t local_size = sizeof local;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size);
    Peer peer{.address = plain_address(address, size)};
    peer.local_host = without_port(plain_address(local, local_size));
    peer.is_local = net::is_local(peer.address);
    return peer;
}

std::vector<std::string> urls_of(const Sockets& sockets, bool tls) {
    std::vector<std::string> urls;
    for (const net::ListenSocket& socket : sockets) {
        std::string url = net::is_unix(socket.address())
                              ? socket.address()
                              : fmt::format("{}://{}/", tls ? "https" : "http", socket.address());
        if (std::ranges::find(urls, url) == urls.end()) urls.push_back(std::move(url));
    }
    return urls;
}

}  // namespace

class Server::Impl final : public Registry {
public:
    Impl(hub::Hub& hub, hub::Calls& calls, net::Admission& admission, ServerOptions options, Sockets sockets)
        : options_(std::move(options)),
          addresses_(urls_of(sockets, options_.certificates != nullptr)),
          session_(hub, {.identity = access::internal_identity()}),
          site_({options_.listen, options_.hosts, options_.metrics, options_.roster, options_.package}, calls,
                admission, session_, context_),
          listeners_(context_, std::move(sockets), [this](base::Fd fd, const sockaddr_storage& peer, socklen_t size) {
              return accept(std::move(fd), peer, size);
          }) {
        if (options_.certificates) tls_.emplace(options_.certificates);
    }
    ~Impl() { shut_down(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> run();
    void stop(std::chrono::milliseconds grace, std::function<void()> done);
    void apply(std::vector<std::string> hosts, std::uint32_t connections_max);

    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    const RequestCounters& counters() const noexcept { return site_.counters(); }
    std::vector<net::Refused> refused() const;

private:
    using Connections = std::list<std::shared_ptr<Connection>>;

    bool accept(base::Fd fd, const sockaddr_storage& peer, socklen_t size);
    bool add(base::Fd fd, const sockaddr_storage& peer, socklen_t size);
    void begin(base::Fd fd, const sockaddr_storage& peer, socklen_t size, ssl_ctx_st* tls);
    bool make_room();
    void replace(const Connection& old, std::shared_ptr<Connection> by) override;
    void remove(const Connection& connection) override;
    void finish_all(std::chrono::milliseconds grace);
    void check_stopped();
    void shut_down();

    const ServerOptions options_;
    const std::vector<std::string> addresses_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
    hub::Session session_;  ///< the server's own, for the rules in force
    std::optional<net::TlsContext> tls_;
    Site site_;
    net::AcceptLoop listeners_;
    std::uint32_t connections_max_ = options_.connections_max;
    Connections connections_;
    std::unordered_map<const Connection*, Connections::iterator> places_;
    std::atomic<std::uint64_t> full_{0};
    std::atomic<std::uint64_t> without_descriptors_{0};
    std::atomic<std::uint64_t> without_tls_{0};
    boost::asio::steady_timer stop_timer_{context_};
    std::function<void()> stopped_;  ///< the web thread
    std::thread thread_;
};

Result<void> Server::Impl::run() {
    listeners_.start();
    auto thread = base::start_thread([this] { context_.run(); });
    if (!thread) return thread.error();
    thread_ = std::move(*thread);
    ::pthread_setname_np(thread_.native_handle(), "vserd-web");
    return {};
}

/// Returns false if descriptors or memory have run out.
bool Server::Impl::accept(base::Fd fd, const sockaddr_storage& peer, socklen_t size) {
    if (net::is_beyond_descriptors(fd.get())) {
        without_descriptors_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    if (make_room()) return add(std::move(fd), peer, size);
    full_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

/// If there are too many connections, closes the one that has waited longest for a request.
bool Server::Impl::make_room() {
    if (connections_.size() < connections_max_) return true;
    const auto oldest = std::ranges::min_element(connections_, {}, [](const auto& each) { return each->idle_since(); });
    if ((*oldest)->idle_since() == std::chrono::steady_clock::time_point::max()) return false;
    full_.fetch_add(1, std::memory_order_relaxed);
    std::shared_ptr(*oldest)->close();
    return true;
}

/// Returns false if memory has run out, which OpenSSL and the library report by exceptions.
bool Server::Impl::add(base::Fd fd, const sockaddr_storage& peer, socklen_t size) {
    const Result<ssl_ctx_st*> tls = tls_ && peer.ss_family != AF_UNIX ? tls_->current() : Result<ssl_ctx_st*>(nullptr);
    if (!tls) {
        without_tls_.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
    try {
        begin(std::move(fd), peer, size, *tls);
        return true;
    } catch (const std::exception&) {
        without_descriptors_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
}

void Server::Impl::begin(base::Fd fd, const sockaddr_storage& peer, socklen_t size, ssl_ctx_st* tls) {
    net::set_client_options(fd.get());
    Peer known = peer_of(fd.get(), peer, size);
    known.is_tls = tls != nullptr;
    auto stream = std::make_unique<Stream>(context_, std::move(fd), peer.ss_family == AF_INET6, tls);
    connections_.push_back(std::make_shared<HttpConnection>(std::move(stream), std::move(known), site_, *this));
    places_.emplace(connections_.back().get(), std::prev(connections_.end()));
    connections_.back()->start();
}

void Server::Impl::replace(const Connection& old, std::shared_ptr<Connection> by) {
    const auto place = places_.extract(&old);
    if (place.empty()) return;
    places_.emplace(by.get(), place.mapped());
    *place.mapped() = std::move(by);
}

void Server::Impl::remove(const Connection& connection) {
    const auto place = places_.extract(&connection);
    if (place.empty()) return;
    connections_.erase(place.mapped());
    check_stopped();
}

void Server::Impl::stop(std::chrono::milliseconds grace, std::function<void()> done) {
    boost::asio::post(context_, [this, grace, done = std::move(done)] {
        stopped_ = [this, done] { session_.loop().post(done); };
        listeners_.stop();
        finish_all(grace);
    });
}

void Server::Impl::apply(std::vector<std::string> hosts, std::uint32_t connections_max) {
    boost::asio::post(context_, [this, hosts = std::move(hosts), connections_max] {
        site_.set_hosts(hosts);
        connections_max_ = connections_max;
    });
}

void Server::Impl::finish_all(std::chrono::milliseconds grace) {
    const auto all = connections_;  // each removes itself
    for (const auto& each : all) each->finish();
    stop_timer_.expires_after(grace);
    stop_timer_.async_wait([this](const ErrorCode& error) {
        if (error) return;
        const auto left = connections_;
        for (const auto& each : left) each->close();
    });
    check_stopped();
}

/// Calls back once, when the last client is gone.
void Server::Impl::check_stopped() {
    if (!stopped_ || !connections_.empty()) return;
    stop_timer_.cancel();
    std::exchange(stopped_, nullptr)();
}

/// The callbacks of calls that have ended may still be on their way.
void Server::Impl::shut_down() {
    if (!thread_.joinable()) return;
    boost::asio::post(context_, [this] {
        listeners_.stop();
        const auto all = connections_;
        for (const auto& each : all) each->close();
        guard_.reset();
    });
    site_.live_calls().wait_until_none();
    boost::asio::post(context_, [this] { context_.stop(); });
    thread_.join();
}

std::vector<net::Refused> Server::Impl::refused() const {
    auto all = site_.refused();
    all.push_back({"connections_max", full_.load(std::memory_order_relaxed)});
    all.push_back({"descriptors", without_descriptors_.load(std::memory_order_relaxed)});
    all.push_back({"tls", without_tls_.load(std::memory_order_relaxed)});
    return all;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(hub::Hub& hub, hub::Calls& calls, net::Admission& admission,
                                              ServerOptions options) {
    auto sockets = open_sockets(options.listen);
    if (!sockets) return sockets.error();
    auto impl = std::make_unique<Impl>(hub, calls, admission, std::move(options), std::move(*sockets));
    if (auto running = impl->run(); !running) return running.error();
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const RequestCounters& Server::counters() const noexcept { return impl_->counters(); }
const std::vector<std::string>& Server::addresses() const noexcept { return impl_->addresses(); }
std::vector<net::Refused> Server::refused() const { return impl_->refused(); }
void Server::stop(std::chrono::milliseconds grace, std::function<void()> done) { impl_->stop(grace, std::move(done)); }
void Server::apply(std::vector<std::string> hosts, std::uint32_t connections_max) {
    impl_->apply(std::move(hosts), connections_max);
}

}  // namespace vserd::web
