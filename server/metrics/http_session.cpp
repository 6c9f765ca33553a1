#include "metrics/http_session.hpp"

#include <openssl/ssl.h>

#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <string_view>
#include <utility>

namespace vserd::metrics {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::string_view metrics_path = "/metrics";
constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

http::response<http::string_body> plain(http::status status, unsigned version, std::string text) {
    http::response<http::string_body> response{status, version};
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.body() = std::move(text);
    return response;
}

/// Asio's form of a context that somebody else keeps.
boost::asio::ssl::context shared(ssl_ctx_st* tls) {
    ::SSL_CTX_up_ref(tls);
    return boost::asio::ssl::context(tls);
}

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, ssl_ctx_st* tls, Body body, Closed closed)
    : stream_(std::in_place_type<PlainStream>, std::move(socket)), body_(std::move(body)), closed_(std::move(closed)) {
    if (tls == nullptr) return;
    auto context = shared(tls);
    PlainStream plain = std::move(std::get<PlainStream>(stream_));
    stream_.emplace<TlsStream>(std::move(plain), context);
}

HttpSession::PlainStream& HttpSession::tcp() {
    TlsStream* const tls = std::get_if<TlsStream>(&stream_);
    return tls != nullptr ? tls->next_layer() : std::get<PlainStream>(stream_);
}

void HttpSession::start() {
    TlsStream* const tls = std::get_if<TlsStream>(&stream_);
    if (tls == nullptr) return read(http_request_limit);
    tcp().expires_after(http_request_limit);
    tls->async_handshake(TlsStream::server, [self = shared_from_this()](const beast::error_code& error) {
        if (!self->closed_) return;
        if (error) return self->close();
        self->read(http_request_limit);
    });
}

void HttpSession::close() {
    if (const auto closed = std::exchange(closed_, nullptr)) closed(*this);
    beast::error_code ignored;
    tcp().socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
    tcp().close();  // outstanding operations end with operation_aborted
}

void HttpSession::read(std::chrono::seconds limit) {
    answering_ = false;
    since_ = std::chrono::steady_clock::now();
    parser_.emplace();
    parser_->header_limit(http_head_bytes_max);
    parser_->body_limit(http_body_bytes_max);
    tcp().expires_after(limit);
    const auto done = [self = shared_from_this()](const beast::error_code& error, std::size_t) {
        self->on_read(error);
    };
    std::visit([&](auto& stream) { http::async_read(stream, buffer_, *parser_, done); }, stream_);
}

void HttpSession::on_read(const beast::error_code& error) {
    if (!closed_) return;
    answering_ = true;
    since_ = std::chrono::steady_clock::now();
    if (!error) return answer();
    const bool no_http = error.category() == http::make_error_code(http::error::bad_version).category();
    if (!no_http || error == http::error::end_of_stream || error == http::error::partial_message) return close();
    answer_bad_request(error);
}

void HttpSession::answer_bad_request(const beast::error_code& error) {
    auto status = http::status::bad_request;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        status = http::status::request_header_fields_too_large;
    } else if (error == http::error::body_limit) {
        status = http::status::payload_too_large;
    }
    auto response = plain(status, 11, error.message() + "\n");
    response.keep_alive(false);
    write(std::move(response));
}

void HttpSession::answer() {
    const auto& request = parser_->get();
    const unsigned version = request.version();
    const bool get = request.method() == http::verb::get || request.method() == http::verb::head;
    http::response<http::string_body> response;
    if (path_of({request.target().data(), request.target().size()}) != metrics_path) {
        response = plain(http::status::not_found, version, "metrics are at /metrics\n");
    } else if (!get) {
        response = plain(http::status::method_not_allowed, version, "use GET or HEAD\n");
        response.set(http::field::allow, "GET, HEAD");
    } else {
        response = plain(http::status::ok, version, body_());
        response.set(http::field::content_type, metrics_type);
    }
    response.keep_alive(request.keep_alive());
    write(std::move(response));
}

void HttpSession::write(http::response<http::string_body> response) {
    response_ = std::move(response);
    response_.prepare_payload();
    const bool keep_alive = response_.keep_alive();
    const auto done = [self = shared_from_this(), keep_alive](const beast::error_code& error, std::size_t) {
        self->on_written(error, keep_alive);
    };
    serializer_.emplace(response_);
    tcp().expires_after(http_answer_limit);
    const bool head_only = parser_->is_header_done() && parser_->get().method() == http::verb::head;
    const auto send = [&](auto& stream) {
        if (head_only) return http::async_write_header(stream, *serializer_, done);
        http::async_write(stream, *serializer_, done);
    };
    std::visit(send, stream_);
}

void HttpSession::on_written(const beast::error_code& error, bool keep_alive) {
    serializer_.reset();
    response_ = {};  // frees the rendered text
    if (!closed_) return;
    if (error || !keep_alive) return close();
    read(http_idle_limit);
}

}  // namespace vserd::metrics
