#pragma once

#include <boost/asio/ip/tcp.hpp>
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

namespace vserd::metrics {

/// From the first byte of a request, or from the connection, until its head is complete.
inline constexpr std::chrono::seconds http_request_limit{10};
/// From one answer until the next request: longer than a usual scrape interval.
inline constexpr std::chrono::seconds http_idle_limit{150};
/// Until the peer has taken an answer.
inline constexpr std::chrono::seconds http_answer_limit{10};
inline constexpr std::size_t http_head_bytes_max = 8192;
/// Nobody needs to send one; a small one is read, so that the answer arrives.
inline constexpr std::size_t http_body_bytes_max = 8192;

/// One HTTP/1.1 connection: answers GET and HEAD of one path, one request at a time. Runs on the thread of its stream's
/// executor. Owned by its outstanding operation.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
public:
    using Body = std::function<std::string()>;
    using Closed = std::function<void(HttpSession&)>;

    /// `body` renders the answer to /metrics. `closed` is called once, when the connection ends.
    HttpSession(boost::asio::ip::tcp::socket socket, Body body, Closed closed);

    void start();
    /// Ends the connection at once.
    void close();
    /// Whether an answer is under way; otherwise the session waits for its peer.
    bool answering() const noexcept { return answering_; }
    /// Since when it answers or waits.
    std::chrono::steady_clock::time_point since() const noexcept { return since_; }

private:
    void read(std::chrono::seconds limit);
    void on_read(const boost::beast::error_code& error);
    void answer();
    void answer_bad_request(const boost::beast::error_code& error);
    void write(boost::beast::http::response<boost::beast::http::string_body> response);
    void on_written(const boost::beast::error_code& error, bool keep_alive);

    boost::beast::tcp_stream stream_;
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
