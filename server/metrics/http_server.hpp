#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "metrics/http_session.hpp"
#include "net/accept_loop.hpp"
#include "net/listen_socket.hpp"
#include "net/tls_context.hpp"

namespace vserd::metrics {

/// The maximum of open connections. A further connection replaces the one that has waited longest.
inline constexpr std::size_t http_connections_max = 32;

/// Serves GET /metrics on its own thread, so that neither scrapes nor slow scrapers affect the io thread. All connections are
/// asynchronous and each wait has a deadline, so no connection delays another.
class HttpServer {
public:
    /// `body` renders one reply, on the server's thread. With `tls`, connections use TLS.
    HttpServer(std::vector<net::ListenSocket> sockets, std::optional<net::TlsContext> tls,
               std::function<std::string()> body);
    ~HttpServer() { stop(); }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Closes every connection and stops the thread, unless it has already stopped.
    void stop();
    /// The number of connections that were closed because there were too many. Any thread.
    std::uint64_t evicted() const noexcept { return evicted_.load(std::memory_order_relaxed); }
    /// The number of connections that were closed because OpenSSL does not accept the certificate. Any thread.
    std::uint64_t without_tls() const noexcept { return without_tls_.load(std::memory_order_relaxed); }

private:
    void add(base::Fd fd, int family);
    void evict_one();

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
    std::optional<net::TlsContext> tls_;  ///< server's thread only
    std::function<std::string()> body_;
    net::AcceptLoop listeners_;
    std::list<std::shared_ptr<HttpSession>> sessions_;
    std::atomic<std::uint64_t> evicted_{0};
    std::atomic<std::uint64_t> without_tls_{0};
    std::thread thread_;
};

}  // namespace vserd::metrics
