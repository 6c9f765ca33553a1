#include "web/server.hpp"

#include <fmt/core.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <list>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/thread.hpp"
#include "hub/session.hpp"
#include "net/client_socket.hpp"
#include "net/listen_socket.hpp"
#include "net/tls_context.hpp"
#include "web/http_connection.hpp"
#include "web/site.hpp"

namespace vserd::web {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr int accepted_per_turn_max = 16;
/// The pause after descriptors or memory ran out. New clients wait in the backlog meanwhile.
constexpr std::chrono::milliseconds accept_backoff{100};

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

std::vector<std::string> urls_of(const Sockets& sockets, bool tls) {
    std::vector<std::string> urls;
    for (const net::ListenSocket& socket : sockets) {
        std::string url = fmt::format("{}://{}/", tls ? "https" : "http", socket.address());
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
                admission, session_, context_) {
        if (options_.certificates) tls_.emplace(options_.certificates);
        for (net::ListenSocket& socket : sockets) {
            const int fd = socket.fd();
            listeners_.push_back(
                {std::move(socket), stream_descriptor(context_, fd), boost::asio::steady_timer(context_)});
        }
    }
    ~Impl() { shut_down(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> run();
    void stop(std::chrono::milliseconds grace, std::function<void()> done);

    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    const RequestCounters& counters() const noexcept { return site_.counters(); }
    std::vector<net::Refused> refused() const;

private:
    struct Listener {
        net::ListenSocket socket;
        stream_descriptor ready;  ///< borrows the descriptor of `socket`
        boost::asio::steady_timer backoff;
    };
    using Connections = std::list<std::shared_ptr<Connection>>;

    void accept(Listener& listener);
    bool accept_some(Listener& listener);
    bool add(base::Fd fd, const sockaddr_storage& peer, socklen_t size);
    void begin(base::Fd fd, const sockaddr_storage& peer, socklen_t size, ssl_ctx_st* tls);
    bool make_room();
    void replace(const Connection& old, std::shared_ptr<Connection> by) override;
    void remove(const Connection& connection) override;
    void stop_accepting();
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
    std::list<Listener> listeners_;
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
    for (Listener& listener : listeners_) accept(listener);
    auto thread = base::start_thread([this] { context_.run(); });
    if (!thread) return thread.error();
    thread_ = std::move(*thread);
    ::pthread_setname_np(thread_.native_handle(), "vserd-web");
    return {};
}

void Server::Impl::accept(Listener& listener) {
    listener.ready.async_wait(stream_descriptor::wait_read, [this, &listener](const ErrorCode& error) {
        if (error) return;
        if (!accept_some(listener)) return accept(listener);
        listener.backoff.expires_after(accept_backoff);
        listener.backoff.async_wait([this, &listener](const ErrorCode& ended) {
            if (!ended) accept(listener);
        });
    });
}

/// Whether descriptors or memory have run out.
bool Server::Impl::accept_some(Listener& listener) {
    for (int accepted = 0; accepted < accepted_per_turn_max; ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::Fd fd(
            ::accept4(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return net::is_accept_short(errno);
        if (net::is_beyond_descriptors(fd.get())) {
            without_descriptors_.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
        if (make_room()) {
            if (!add(std::move(fd), peer, size)) return true;
        } else {
            full_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    return false;
}

/// If there are too many connections, closes the one that has waited longest for a request.
bool Server::Impl::make_room() {
    if (connections_.size() < options_.connections_max) return true;
    const auto oldest = std::ranges::min_element(connections_, {}, [](const auto& each) { return each->idle_since(); });
    if ((*oldest)->idle_since() == std::chrono::steady_clock::time_point::max()) return false;
    full_.fetch_add(1, std::memory_order_relaxed);
    std::shared_ptr(*oldest)->close();
    return true;
}

/// Returns false if memory has run out, which OpenSSL and the library report by exceptions.
bool Server::Impl::add(base::Fd fd, const sockaddr_storage& peer, socklen_t size) {
    const Result<ssl_ctx_st*> tls = tls_ ? tls_->current() : Result<ssl_ctx_st*>(nullptr);
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
    sockaddr_storage local{};
    socklen_t local_size = sizeof local;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &local_size);
    Peer known{.address = plain_address(peer, size), .is_tls = tls != nullptr};
    known.local_host = without_port(plain_address(local, local_size));
    known.is_local = net::is_local(known.address);
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

void Server::Impl::stop_accepting() {
    for (Listener& listener : listeners_) {
        listener.backoff.cancel();
        listener.ready.release();
    }
    boost::asio::post(context_, [this] { listeners_.clear(); });  // after the handlers that the release has queued
}

void Server::Impl::stop(std::chrono::milliseconds grace, std::function<void()> done) {
    boost::asio::post(context_, [this, grace, done = std::move(done)] {
        stopped_ = [this, done] { session_.loop().post(done); };
        stop_accepting();
        finish_all(grace);
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
        stop_accepting();
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

}  // namespace vserd::web
