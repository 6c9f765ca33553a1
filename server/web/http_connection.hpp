#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "net/admission.hpp"
#include "web/connection.hpp"
#include "web/site.hpp"
#include "web/stream.hpp"

namespace vserd::web {

/// From the connection, or from the first byte of a request, until its headers are complete; and the TLS handshake.
inline constexpr std::chrono::seconds head_limit{10};
/// From one answer to the next request.
inline constexpr std::chrono::seconds keep_alive_limit{60};
/// Until a body has arrived, and until an answer was taken: this, and what a line of that speed needs.
inline constexpr std::chrono::seconds transfer_limit{60};
inline constexpr std::size_t transfer_bytes_per_second = 1024;
/// A client that has ended its side gets an answer that comes in this time. Later it is taken for one that has gone.
inline constexpr std::chrono::seconds half_closed_limit{5};
inline constexpr std::chrono::seconds linger_limit{2};
inline constexpr std::size_t head_bytes_max = std::size_t{16} << 10;
/// Bytes that were read and not parsed yet.
inline constexpr std::size_t input_bytes_max = std::size_t{64} << 10;
/// As for a message of gRPC.
inline constexpr std::size_t body_bytes_max = (std::size_t{1} << 20) + 4096;

/// One HTTP/1.1 connection: one request at a time. Its outstanding operation owns it.
class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
public:
    /// `site` and `registry` outlive the connection.
    HttpConnection(std::unique_ptr<Stream> stream, Peer peer, Site& site, Registry& registry);

    void start() override;
    void finish() override;
    void close() override;
    std::chrono::steady_clock::time_point idle_since() const noexcept override { return idle_since_; }

private:
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    void limit(std::chrono::seconds time) { limit(std::chrono::steady_clock::now() + time); }
    void limit(std::chrono::steady_clock::time_point time);
    void wait_for_request();
    void read_head();
    void on_head(const ErrorCode& error);
    void refuse_head(const ErrorCode& error);
    void refuse(Response response);
    void take_head();
    void confirm();
    void read_body();
    void on_body(const ErrorCode& error);
    bool hold_body();
    void take_body();
    void answer();
    void watch_client();
    void upgrade();
    void write(Response response);
    void on_written(const ErrorCode& error);
    void linger();

    std::unique_ptr<Stream> stream_;
    Peer peer_;
    Site& site_;
    Registry& registry_;
    boost::asio::steady_timer timer_;
    boost::beast::flat_buffer buffer_{input_bytes_max};
    std::optional<Parser> parser_;
    Request request_;
    net::Ticket ticket_;                                ///< for the request and its response
    std::size_t held_bytes_ = 0;                        ///< of the body, by the ticket
    std::chrono::steady_clock::time_point body_began_;  ///< to arrive
    std::unique_ptr<hub::Calls::Call> call_;            ///< the call that the client waits for
    bool answering_ = false;                            ///< the answer of `call_` is still to come
    Response response_;
    std::string head_;
    bool keep_alive_ = false;
    bool finishing_ = false;
    bool closed_ = false;
    std::chrono::steady_clock::time_point idle_since_ = std::chrono::steady_clock::now();
};

}  // namespace vserd::web
