#include "metrics/http_server.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace vserd::metrics {
namespace {

using boost::asio::ip::tcp;

}  // namespace

HttpServer::HttpServer(std::vector<net::ListenSocket> sockets, std::optional<net::TlsContext> tls,
                       std::function<std::string()> body)
    : tls_(std::move(tls)),
      body_(std::move(body)),
      listeners_(context_, std::move(sockets), [this](base::Fd fd, const sockaddr_storage& peer, socklen_t /*size*/) {
          add(std::move(fd), peer.ss_family);
          return true;
      }) {
    listeners_.start();
    thread_ = std::thread([this] { context_.run(); });
    ::pthread_setname_np(thread_.native_handle(), "vserd-metrics");
}

void HttpServer::stop() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    const auto sessions = std::exchange(sessions_, {});
    for (const auto& session : sessions) session->close();
    listeners_.stop();
    context_.restart();
    context_.poll();  // the handlers of the closed sockets own the sessions
}

void HttpServer::add(base::Fd fd, int family) {
    const Result<ssl_ctx_st*> tls = tls_ ? tls_->current() : Result<ssl_ctx_st*>(nullptr);
    if (!tls) {
        without_tls_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (sessions_.size() >= http_connections_max) evict_one();
    tcp::socket socket(context_);
    boost::system::error_code error;
    socket.assign(family == AF_INET6 ? tcp::v6() : tcp::v4(), fd.get(), error);
    if (error) return;
    static_cast<void>(fd.release());
    const auto closed = [this](const HttpSession& session) {
        std::erase_if(sessions_, [&](const auto& each) { return each.get() == &session; });
    };
    sessions_.push_back(std::make_shared<HttpSession>(std::move(socket), *tls, body_, closed));
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
