#include "web/http_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <string_view>
#include <utility>

#include "web/connect.hpp"
#include "web/connect_error.hpp"
#include "web/socket_session.hpp"

namespace vserd::web {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t read_bytes = 4096;
/// Whether a client that waits for an answer is still there.
constexpr std::chrono::seconds look_again{1};
constexpr auto never = std::chrono::steady_clock::time_point::max();
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a request in our form.
template <class Message>
Request request_of(const Message& message) {
    Request request;
    request.method = std::string(message.method_string());
    const std::string_view target(message.target().data(), message.target().size());
    request.path = std::string(target.substr(0, target.find('?')));
    for (const auto& field : message) {
        request.headers.emplace_back(lower(std::string_view(field.name_string().data(), field.name_string().size())),
                                     std::string(field.value()));
    }
    request.is_upgrade = boost::beast::websocket::is_upgrade(message);
    return request;
}

std::chrono::seconds time_for(std::size_t bytes) {
    return transfer_limit + std::chrono::seconds(bytes / transfer_bytes_per_second);
}

}  // namespace

HttpConnection::HttpConnection(std::unique_ptr<Stream> stream, Peer peer, Site& site, Registry& registry)
    : stream_(std::move(stream)),
      peer_(std::move(peer)),
      site_(site),
      registry_(registry),
      timer_(stream_->get_executor()) {}

/// Closes the connection if the present step takes longer.
void HttpConnection::limit(std::chrono::steady_clock::time_point time) {
    timer_.expires_at(time);
    timer_.async_wait([self = weak_from_this()](const ErrorCode& error) {
        if (error) return;
        if (const auto connection = self.lock()) connection->close();
    });
}

void HttpConnection::start() {
    if (!stream_->is_tls()) return wait_for_request();
    limit(head_limit);
    stream_->async_handshake([self = shared_from_this()](const ErrorCode& error) {
        if (self->closed_) return;
        if (error) return self->close();
        self->peer_.certificate = self->stream_->peer_certificate();
        self->wait_for_request();
    });
}

void HttpConnection::finish() {
    finishing_ = true;
    if (idle_since_ != never) close();
}

void HttpConnection::close() {
    if (std::exchange(closed_, true)) return;
    timer_.cancel();
    call_.reset();
    if (stream_) stream_->close();
    registry_.remove(*this);
}

void HttpConnection::wait_for_request() {
    if (finishing_) return close();
    idle_since_ = std::chrono::steady_clock::now();
    if (buffer_.size() > 0) return read_head();
    limit(keep_alive_limit);
    stream_->async_read_some(buffer_.prepare(read_bytes),
                             [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                                 if (self->closed_) return;
                                 if (error) return self->close();
                                 self->buffer_.commit(bytes);
                                 self->read_head();
                             });
}

void HttpConnection::read_head() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(head_bytes_max));
    parser_->body_limit(body_bytes_max);
    limit(head_limit);
    http::async_read_header(*stream_, buffer_, *parser_,
                            [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                                if (!self->closed_) self->on_head(error);
                            });
}

void HttpConnection::on_head(const ErrorCode& error) {
    idle_since_ = never;
    if (!error) return take_head();
    refuse_head(error);
}

void HttpConnection::refuse_head(const ErrorCode& error) {
    const bool is_http = error.category() == http::make_error_code(http::error::bad_version).category();
    if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) return close();
    unsigned status = 400;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) status = 431;
    if (error == http::error::body_limit) status = 413;
    request_ = {};
    keep_alive_ = false;
    write(plain(status, error.message()));
}

void HttpConnection::take_head() {
    request_ = request_of(parser_->get());
    keep_alive_ = parser_->keep_alive() && !finishing_;
    if (auto refusal = site_.check_head(request_, peer_)) return refuse(std::move(*refusal));
    if (request_.is_upgrade && request_.method == "GET" && Site::is_socket(request_.path)) return upgrade();
    auto admitted = site_.admit(request_, peer_);
    if (auto* refusal = std::get_if<Response>(&admitted)) return refuse(std::move(*refusal));
    ticket_ = std::move(std::get<net::Ticket>(admitted));
    held_bytes_ = 0;
    parser_->eager(true);
    body_began_ = std::chrono::steady_clock::now();
    if (!hold_body()) return refuse(connect_error(site_.too_much_memory()));
    lower(request_.header("expect").value_or("")) == "100-continue" ? confirm() : read_body();
}

/// Without having read all of the body. What has arrived makes room for others at once.
void HttpConnection::refuse(Response response) {
    ticket_ = {};
    parser_->get().body() = {};
    keep_alive_ = keep_alive_ && parser_->is_done();  // the rest of it would be taken for a request
    write(std::move(response));
}

void HttpConnection::confirm() {
    limit(transfer_limit);
    boost::asio::async_write(*stream_, boost::asio::buffer(continue_line),
                             [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                                 if (self->closed_) return;
                                 error ? self->close() : self->read_body();
                             });
}

/// A client that sends nothing makes room for others.
void HttpConnection::read_body() {
    if (parser_->is_done()) return take_body();
    idle_since_ = std::chrono::steady_clock::now();
    limit(body_began_ + time_for(parser_->get().body().size()));
    http::async_read_some(*stream_, buffer_, *parser_,
                          [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                              if (!self->closed_) self->on_body(error);
                          });
}

void HttpConnection::on_body(const ErrorCode& error) {
    idle_since_ = never;
    if (error) return refuse_head(error);
    if (!hold_body()) return refuse(connect_error(site_.too_much_memory()));
    read_body();
}

/// The announced size at once, because that much is allocated; otherwise what has arrived.
bool HttpConnection::hold_body() {
    const std::size_t arrived = parser_->get().body().size();
    const std::size_t bytes = std::max<std::size_t>(parser_->content_length().value_or(0), arrived);
    if (bytes <= held_bytes_) return true;
    return ticket_.grow(bytes - std::exchange(held_bytes_, bytes));
}

void HttpConnection::take_body() {
    idle_since_ = never;
    request_.body = std::move(parser_->get().body());
    timer_.cancel();  // a call may take as long as it wants, as over gRPC
    answer();
}

void HttpConnection::answer() {
    answering_ = true;
    call_ = site_.answer(request_, peer_, [self = shared_from_this()](Response response) {
        self->answering_ = false;
        if (!self->closed_) self->write(std::move(response));
    });
    if (answering_) watch_client();
}

/// Cancels the call if the client closes its side. While there are unread bytes, a next request or TLS's last message, it looks
/// again from time to time.
void HttpConnection::watch_client() {
    stream_->async_wait_readable([self = shared_from_this()](const ErrorCode& error) {
        if (error || self->closed_ || !self->answering_) return;
        if (self->stream_->has_ended()) return self->limit(half_closed_limit);
        self->timer_.expires_after(look_again);
        self->timer_.async_wait([weak = self->weak_from_this()](const ErrorCode& ended) {
            if (const auto connection = weak.lock(); connection && !ended && connection->answering_)
                connection->watch_client();
        });
    });
}

void HttpConnection::upgrade() {
    if (buffer_.size() > 0) {
        keep_alive_ = false;
        return write(plain(400, "wait for the answer before sending messages"));
    }
    auto opened = site_.open_socket(request_, peer_);
    if (auto* refusal = std::get_if<Response>(&opened)) return write(std::move(*refusal));
    site_.count(request_, 101);
    timer_.cancel();
    closed_ = true;
    auto socket = make_socket_session(std::move(stream_), parser_->release(), std::move(std::get<Site::Socket>(opened)),
                                      site_, registry_);
    registry_.replace(*this, socket);
    socket->start();
}

void HttpConnection::write(Response response) {
    site_.count(request_, response.status);
    call_.reset();
    if (!ticket_.grow(response.body.size())) response = connect_error(site_.too_much_memory());
    response_ = std::move(response);
    keep_alive_ = keep_alive_ && !finishing_;
    head_ = head_of(response_, keep_alive_);
    const std::string_view content = request_.method == "HEAD" ? std::string_view{} : response_.content();
    limit(std::chrono::steady_clock::now() + time_for(content.size()));
    const std::array<boost::asio::const_buffer, 2> buffers{boost::asio::buffer(head_),
                                                           boost::asio::const_buffer(content.data(), content.size())};
    boost::asio::async_write(*stream_, buffers,
                             [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                                 if (!self->closed_) self->on_written(error);
                             });
}

void HttpConnection::on_written(const ErrorCode& error) {
    response_ = {};
    request_ = {};
    ticket_ = {};
    if (error) return close();
    if (!keep_alive_ || finishing_) return linger();
    wait_for_request();
}

void HttpConnection::linger() {
    limit(linger_limit);
    stream_->drain([self = shared_from_this()] { self->close(); });
}

}  // namespace vserd::web
