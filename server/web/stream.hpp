#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/role.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

struct ssl_ctx_st;

namespace vserd::web {

using ErrorCode = boost::system::error_code;

/// A client's connection with or without TLS, as one type, so that Beast's operations compile once. It meets Asio's
/// requirements on an AsyncStream.
class Stream {
public:
    using executor_type = boost::asio::io_context::executor_type;  // NOLINT(readability-identifier-naming): Asio's name
    using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor_type>;

    /// `tls` null: without.
    Stream(boost::asio::io_context& context, base::Fd socket, bool is_v6, ssl_ctx_st* tls);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    executor_type get_executor() noexcept { return socket_.get_executor(); }
    bool is_tls() const noexcept { return tls_.has_value(); }
    int fd() noexcept { return socket_.native_handle(); }
    /// The client's certificate in PEM, after the handshake; empty: none.
    std::string peer_certificate();

    template <class Handler>
    void async_handshake(Handler&& handler) {
        tls_->async_handshake(TlsStream::server, std::forward<Handler>(handler));
    }
    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
            [this](auto handler, const Buffers& space) {
                if (tls_) return tls_->async_read_some(space, std::move(handler));
                socket_.async_read_some(space, std::move(handler));
            },
            token, buffers);
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
            [this](auto handler, const Buffers& bytes) {
                if (tls_) return tls_->async_write_some(bytes, std::move(handler));
                socket_.async_write_some(bytes, std::move(handler));
            },
            token, buffers);
    }
    /// Calls back when there is something to read, or the connection has ended.
    template <class Handler>
    void async_wait_readable(Handler&& handler) {
        socket_.async_wait(Socket::wait_read, std::forward<Handler>(handler));
    }
    /// Whether the client has closed its side.
    bool has_ended();

    void shut_down_sending() noexcept;
    /// Ends our side, reads what the client still sends, and calls `ended` when it has ended its side. If there were unread bytes
    /// at the close, the kernel would reset the connection, and the client could lose the last answer.
    void drain(std::function<void()> ended);
    /// Outstanding operations end with an error.
    void close() noexcept;

private:
    void discard(std::shared_ptr<std::vector<char>> space, std::function<void()> ended);

    using TlsStream = boost::asio::ssl::stream<Socket&>;

    Socket socket_;
    std::optional<TlsStream> tls_;
};

// What Beast calls to end a connection.
inline void beast_close_socket(Stream& stream) { stream.close(); }
template <class Handler>
void async_teardown(boost::beast::role_type /*role*/, Stream& stream, Handler&& handler) {
    stream.shut_down_sending();
    boost::asio::post(stream.get_executor(),
                      [handler = std::forward<Handler>(handler)]() mutable { handler(ErrorCode{}); });
}

}  // namespace vserd::web
