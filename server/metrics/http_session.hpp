#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

struct ssl_ctx_st;

namespace vserd::metrics {

/// The limit from the connection, or from the first byte of a request, until the header is complete.
inline constexpr std::chrono::seconds http_request_limit{10};
/// The limit from one reply until the next request: longer than a usual scrape interval.
inline constexpr std::chrono::seconds http_idle_limit{150};
/// The limit until the peer has received a reply.
inline constexpr std::chrono::seconds http_answer_limit{10};
inline constexpr std::size_t http_head_bytes_max = 8192;
/// The maximum size of a request body. None is needed, but a small one is read, so that the reply arrives.
inline constexpr std::size_t http_body_bytes_max = 8192;

/// One HTTP/1.1 connection: replies to GET and HEAD of one path, one request at a time. Runs on the thread of its stream's
/// executor. Its outstanding operation owns it.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
public:
    using Body = std::function<std::string()>;
    using Closed = std::function<void(HttpSession&)>;

    /// `body` renders the reply for /metrics. `closed` is called once, when the connection ends. `tls` is null for plain HTTP.
    HttpSession(boost::asio::ip::tcp::socket socket, ssl_ctx_st* tls, Body body, Closed closed);

    void start();
    /// Ends the connection immediately.
    void close();
    /// Whether a reply is being sent; otherwise the session waits for its peer.
    bool answering() const noexcept { return answering_; }
    /// When the reply or the wait began.
    std::chrono::steady_clock::time_point since() const noexcept { return since_; }

private:
    using PlainStream = boost::beast::tcp_stream;
    using TlsStream = boost::asio::ssl::stream<PlainStream>;

    PlainStream& tcp();
    void read(std::chrono::seconds limit);
    void on_read(const boost::beast::error_code& error);
    void answer();
    void answer_bad_request(const boost::beast::error_code& error);
    void write(boost::beast::http::response<boost::beast::http::string_body> response);
    void on_written(const boost::beast::error_code& error, bool keep_alive);

    std::variant<PlainStream, TlsStream> stream_;
    Body body_;
    Closed closed_;
    boost::beast::flat_buffer buffer_{http_head_bytes_max};
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
    boost::beast::http::response<boost::beast::http::string_body> response_;
    std::optional<boost::beast::http::serializer<false, boost::beast::http::string_body>> serializer_;
    bool answering_ = false;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace vserd::metrics
