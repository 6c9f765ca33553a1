#include "web/socket_session.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "web/connect_error.hpp"
#include "web/http_connection.hpp"
#include "web/window.hpp"

namespace vserd::web {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

/// A client that opens a WebSocket has to send its request in this time.
constexpr std::chrono::seconds request_limit{30};
/// The time for the other side to answer a close.
constexpr std::chrono::seconds close_limit{5};
/// A client from which nothing comes for that long, not even the answer to a ping, has gone.
constexpr std::chrono::seconds ping_interval{20};
constexpr std::chrono::seconds silence_limit{60};
constexpr std::size_t message_bytes_max = body_bytes_max;
constexpr std::size_t read_bytes_max = std::size_t{64} << 10;
/// Messages that wait until the call takes them, as many as a call over gRPC holds: acknowledgements behind them are seen meanwhile.
constexpr std::size_t waiting_bytes_max = std::size_t{64} << 10;
constexpr std::size_t waiting_max = 64;
constexpr int status_close_base = 4000;
constexpr std::size_t close_reason_bytes_max = 123;

/// The first `close_reason_bytes_max` bytes; does not split a character of UTF-8.
std::string_view shortened(std::string_view text) {
    if (text.size() <= close_reason_bytes_max) return text;
    std::size_t end = close_reason_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return text.substr(0, end);
}

websocket::close_reason reason_for(const hub::CallStatus& status) {
    if (status.code == 0) return {websocket::close_code::normal, ""};
    const std::string_view text = shortened(status.message);
    const auto code = static_cast<websocket::close_code>(status_close_base + status.code);
    return {code, beast::string_view(text.data(), text.size())};
}

/// One WebSocket. Its outstanding operations own it. One message is being written, and the next one of the call is asked for when
/// that was sent. A few messages of the client may wait until the call takes them; then nothing more is read.
class SocketSession final : public Connection, public std::enable_shared_from_this<SocketSession> {
public:
    SocketSession(std::unique_ptr<Stream> stream, http::request<http::string_body> request, Site::Socket socket,
                  Site& site, Registry& registry)
        : stream_(std::move(stream)),
          socket_(*stream_),
          request_(std::move(request)),
          route_(*socket.route),
          client_(std::move(socket.client)),
          ticket_(std::move(socket.ticket)),
          site_(site),
          registry_(registry),
          timer_(stream_->get_executor()) {}

    void start() override;
    /// A close frame may not overtake the answer to the handshake.
    void finish() override { open_ ? end({14, "the server is shutting down", {}}) : close(); }
    void close() override;
    std::chrono::steady_clock::time_point idle_since() const noexcept override {
        return std::chrono::steady_clock::time_point::max();
    }

private:
    void set_options();
    void accepted(const ErrorCode& error);
    void read();
    void on_read(const ErrorCode& error, std::size_t bytes);
    void take_message();
    void refuse();
    void linger();
    void take(std::string message);
    void start_call(std::string message);
    void on_written_to_call();
    void on_reply(hub::WireMessage message);
    void pump();
    void on_sent(const ErrorCode& error);
    void end(const hub::CallStatus& status);
    void send_close();
    void tick();
    void ping();
    void limit(std::chrono::seconds time);
    /// Posts to the web thread.
    template <class Function>
    auto posting(Function function);

    std::unique_ptr<Stream> stream_;
    websocket::stream<Stream&> socket_;
    http::request<http::string_body> request_;
    const SocketRoute& route_;
    hub::Client client_;
    net::Ticket ticket_;  ///< for messages that are not complete, or wait for the call
    Site& site_;
    Registry& registry_;
    boost::asio::steady_timer timer_;  ///< for the next tick, or for the end
    std::chrono::steady_clock::time_point heard_ = std::chrono::steady_clock::now();
    beast::flat_buffer input_;
    std::unique_ptr<hub::Calls::Call> call_;
    std::deque<std::string> waiting_;  ///< for the call
    std::size_t waiting_bytes_ = 0;
    std::size_t held_bytes_ = 0;  ///< by the ticket: waiting_bytes_ and what has arrived of the next message
    bool open_ = false;           ///< the handshake is complete
    bool taking_ = false;         ///< the call is taking a message
    bool pinging_ = false;        ///< Beast knows one ping at a time
    bool reading_ = false;
    bool writing_ = false;
    hub::WireMessage output_;  ///< being written, or waiting for the window
    std::vector<boost::asio::const_buffer> buffers_;
    Window window_;
    std::optional<hub::CallStatus> status_;  ///< the call has ended, or is to end: send it
    bool closing_ = false;                   ///< the close frame is under way
    bool closed_ = false;
};

template <class Function>
auto SocketSession::posting(Function function) {
    return [weak = weak_from_this(), live = site_.live_calls().enter(), executor = stream_->get_executor(),
            function](auto... arguments) {
        boost::asio::post(executor, [weak, function, arguments...] {
            const auto self = weak.lock();
            if (self && !self->closed_) ((*self).*function)(arguments...);
        });
    };
}

void SocketSession::set_options() {
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = close_limit;  // also for the close
    timeouts.idle_timeout = websocket::stream_base::none();
    timeouts.keep_alive_pings = false;
    socket_.set_option(timeouts);
    socket_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
        response.set(http::field::sec_websocket_protocol, "vser.v1");
        response.set(http::field::server, "vserd");
    }));
    socket_.binary(true);
    socket_.auto_fragment(false);
    socket_.read_message_max(message_bytes_max);
    socket_.control_callback(
        [this](websocket::frame_type, beast::string_view) { heard_ = std::chrono::steady_clock::now(); });
}

void SocketSession::start() {
    set_options();
    socket_.async_accept(request_, [self = shared_from_this()](const ErrorCode& error) { self->accepted(error); });
}

void SocketSession::accepted(const ErrorCode& error) {
    if (closed_) return;
    request_ = {};
    if (error) return close();
    open_ = true;
    limit(request_limit);
    read();
}

void SocketSession::read() {
    if (!std::exchange(reading_, true)) heard_ = std::chrono::steady_clock::now();
    socket_.async_read_some(input_, read_bytes_max,
                            [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                                if (!self->closed_) self->on_read(error, bytes);
                            });
}

/// Errors: the client has closed the WebSocket or the connection, or has sent what no WebSocket may send. Beast has answered.
void SocketSession::on_read(const ErrorCode& error, std::size_t bytes) {
    reading_ = false;
    if (error) return closing_ ? void() : linger();  // otherwise the close under way ends
    heard_ = std::chrono::steady_clock::now();
    if (closing_ || status_) {  // waits for the answer to the close
        input_.clear();
        return closing_ ? void() : read();
    }
    if (!ticket_.grow(bytes)) return refuse();
    held_bytes_ += bytes;
    if (!socket_.is_message_done()) return read();
    if (!socket_.got_binary()) return end(invalid_argument("messages must be binary: serialized protobuf"));
    take_message();
}

/// What has arrived makes room for others at once.
void SocketSession::refuse() {
    input_ = {};
    ticket_.shrink(std::exchange(held_bytes_, waiting_bytes_) - waiting_bytes_);
    end(site_.too_much_memory());
}

void SocketSession::take_message() {
    std::string message = beast::buffers_to_string(input_.data());
    input_.clear();
    if (input_.capacity() > read_bytes_max) input_.shrink_to_fit();
    take(std::move(message));
    ticket_.shrink(std::exchange(held_bytes_, waiting_bytes_) - waiting_bytes_);
}

void SocketSession::linger() {
    closing_ = true;
    call_.reset();
    limit(linger_limit);
    stream_->drain([self = shared_from_this()] { self->close(); });
}

void SocketSession::take(std::string message) {
    if (!call_) return start_call(std::move(message));
    if (route_.shape != hub::Calls::Shape::both_stream) {
        return end(invalid_argument("this WebSocket takes one request, and had it"));
    }
    if (const auto offset = route_.has_window ? acknowledged_in(message) : std::nullopt) {
        window_.acknowledged(*offset);
        pump();
        return read();
    }
    if (std::exchange(taking_, true)) {
        waiting_bytes_ += message.size();
        waiting_.push_back(std::move(message));
    } else {
        call_->write(message);
    }
    if (waiting_bytes_ < waiting_bytes_max && waiting_.size() < waiting_max) read();
}

void SocketSession::start_call(std::string message) {
    hub::Calls::Handlers handlers;
    handlers.replied = posting(&SocketSession::on_reply);
    handlers.written = posting(&SocketSession::on_written_to_call);
    handlers.ended = posting(&SocketSession::end);
    call_ = site_.calls().start({std::string(route_.method), std::move(message), client_, std::nullopt}, route_.shape,
                                std::move(handlers));
    taking_ = true;  // the first message
    tick();
    read();
}

void SocketSession::on_written_to_call() {
    if (status_ || !call_) return;
    taking_ = !waiting_.empty();
    if (taking_) {
        call_->write(waiting_.front());
        waiting_bytes_ -= waiting_.front().size();
        held_bytes_ -= waiting_.front().size();
        ticket_.shrink(waiting_.front().size());
        waiting_.pop_front();
    }
    if (!reading_) read();
}

void SocketSession::on_reply(hub::WireMessage message) {
    output_ = std::move(message);
    pump();
}

void SocketSession::pump() {
    if (writing_ || closing_ || output_.pieces.empty()) return;
    const auto range = route_.has_window ? log_range_of(output_) : std::nullopt;
    if (range && window_.is_full()) return;  // an acknowledgement calls this again
    if (range) window_.sent(*range);
    writing_ = true;
    buffers_.clear();
    for (const auto& piece : output_.pieces) buffers_.emplace_back(piece.data(), piece.size());
    socket_.async_write(std::span<const boost::asio::const_buffer>(buffers_),
                        [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                            if (!self->closed_) self->on_sent(error);
                        });
}

void SocketSession::on_sent(const ErrorCode& error) {
    writing_ = false;
    output_ = {};
    if (error) return close();
    if (closing_) return;
    if (status_) return send_close();
    call_->read();
}

/// The last message goes first, unless it waits for the client.
void SocketSession::end(const hub::CallStatus& status) {
    if (status_ || closing_ || closed_) return;
    status_ = status;
    if (!writing_) send_close();
}

void SocketSession::send_close() {
    closing_ = true;
    call_.reset();
    output_ = {};
    limit(close_limit);
    socket_.async_close(reason_for(*status_),
                        [self = shared_from_this()](const ErrorCode& /*error*/) { self->close(); });
}

void SocketSession::close() {
    if (std::exchange(closed_, true)) return;
    timer_.cancel();
    call_.reset();
    stream_->close();
    registry_.remove(*this);
}

void SocketSession::limit(std::chrono::seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
        if (const auto self = weak.lock(); self && !error) self->close();
    });
}

/// Asks a silent client whether it is still there. While its messages are not read, its answers are not seen either; then a ping
/// that cannot be sent tells that it has gone.
void SocketSession::tick() {
    const auto silence = std::chrono::steady_clock::now() - heard_;
    if (reading_ && silence >= silence_limit) return close();
    if (!reading_ || silence >= ping_interval) ping();
    timer_.expires_after(ping_interval);
    timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
        if (const auto self = weak.lock(); self && !error && !self->closing_ && !self->closed_) self->tick();
    });
}

void SocketSession::ping() {
    if (std::exchange(pinging_, true)) return;
    socket_.async_ping({}, [self = shared_from_this()](const ErrorCode& error) {
        self->pinging_ = false;
        if (error && !self->closing_) self->close();
    });
}

}  // namespace

std::shared_ptr<Connection> make_socket_session(std::unique_ptr<Stream> stream,
                                                http::request<http::string_body> request, Site::Socket socket,
                                                Site& site, Registry& registry) {
    return std::make_shared<SocketSession>(std::move(stream), std::move(request), std::move(socket), site, registry);
}

}  // namespace vserd::web
