#include "metrics/http_server.hpp"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vserd::metrics {
namespace {

using boost::asio::ip::tcp;

constexpr int accepted_per_turn_max = 16;
/// The pause after descriptors or memory ran out. New clients wait in the backlog meanwhile.
constexpr std::chrono::milliseconds accept_backoff{100};

}  // namespace

HttpServer::HttpServer(std::vector<net::ListenSocket> sockets, std::optional<net::TlsContext> tls,
                       std::function<std::string()> body)
    : tls_(std::move(tls)), body_(std::move(body)) {
    for (net::ListenSocket& socket : sockets) {
        const int fd = socket.fd();
        listeners_.push_back({std::move(socket), boost::asio::posix::stream_descriptor(context_, fd),
                              boost::asio::steady_timer(context_)});
        accept(listeners_.back());
    }
    thread_ = std::thread([this] { context_.run(); });
    ::pthread_setname_np(thread_.native_handle(), "vserd-metrics");
}

void HttpServer::stop() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    const auto sessions = std::exchange(sessions_, {});
    for (const auto& session : sessions) session->close();
    for (Listener& listener : listeners_) listener.ready.release();
    context_.restart();
    context_.poll();  // the handlers of the closed sockets own the sessions
    listeners_.clear();
}

void HttpServer::accept(Listener& listener) {
    listener.ready.async_wait(
        boost::asio::posix::stream_descriptor::wait_read, [this, &listener](const boost::system::error_code& error) {
            if (error) return;
            if (!accept_some(listener)) return accept(listener);
            listener.backoff.expires_after(accept_backoff);
            listener.backoff.async_wait([this, &listener](const boost::system::error_code& ended) {
                if (!ended) accept(listener);
            });
        });
}

bool HttpServer::accept_some(Listener& listener) {
    for (int accepted = 0; accepted < accepted_per_turn_max; ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::Fd fd(
            ::accept4(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return net::is_accept_short(errno);
        const Result<ssl_ctx_st*> tls = tls_ ? tls_->current() : Result<ssl_ctx_st*>(nullptr);
        if (tls) {
            add(std::move(fd), peer.ss_family, *tls);
        } else {
            without_tls_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    return false;
}

void HttpServer::add(base::Fd fd, int family, ssl_ctx_st* tls) {
    if (sessions_.size() >= http_connections_max) evict_one();
    tcp::socket socket(context_);
    boost::system::error_code error;
    socket.assign(family == AF_INET6 ? tcp::v6() : tcp::v4(), fd.get(), error);
    if (error) return;
    static_cast<void>(fd.release());
    const auto closed = [this](const HttpSession& session) {
        std::erase_if(sessions_, [&](const auto& each) { return each.get() == &session; });
    };
    sessions_.push_back(std::make_shared<HttpSession>(std::move(socket), tls, body_, closed));
    sessions_.back()->start();
}

/// The session that has waited longest for its peer; if all are sending a reply, the slowest of them.
void HttpServer::evict_one() {
    const auto before = [](const auto& a, const auto& b) {
        return std::pair(a->answering(), a->since()) < std::pair(b->answering(), b->since());
    };
    const std::shared_ptr<HttpSession> oldest = *std::ranges::min_element(sessions_, before);
    evicted_.fetch_add(1, std::memory_order_relaxed);
    oldest->close();
}

}  // namespace vserd::metrics
