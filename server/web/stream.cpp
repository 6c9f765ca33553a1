#include "web/stream.hpp"

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/pem.hpp"

namespace vserd::web {
namespace {

constexpr std::size_t discarded_at_once = 4096;

/// Asio's form of a context that somebody else keeps.
boost::asio::ssl::context shared(ssl_ctx_st* tls) {
    ::SSL_CTX_up_ref(tls);
    return boost::asio::ssl::context(tls);
}

}  // namespace

Stream::Stream(boost::asio::io_context& context, base::Fd socket, bool is_v6, ssl_ctx_st* tls)
    : socket_(context.get_executor()) {
    ErrorCode error;
    socket_.assign(is_v6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4(), socket.get(), error);
    if (error) return;  // the first operation fails
    static_cast<void>(socket.release());
    if (tls == nullptr) return;
    auto context_of_tls = shared(tls);
    tls_.emplace(socket_, context_of_tls);
}

Stream::~Stream() { close(); }

std::string Stream::peer_certificate() {
    SSL* const session = tls_ ? tls_->native_handle() : nullptr;
    if (session == nullptr || ::SSL_get_verify_result(session) != X509_V_OK) return {};
    return net::pem_of(::SSL_get0_peer_certificate(session));
}

bool Stream::has_ended() {
    pollfd connection{.fd = fd(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&connection, 1, 0) > 0;
}

void Stream::shut_down_sending() noexcept {
    ErrorCode ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::drain(std::function<void()> ended) {
    shut_down_sending();
    discard(std::make_shared<std::vector<char>>(discarded_at_once), std::move(ended));
}

void Stream::discard(std::shared_ptr<std::vector<char>> space, std::function<void()> ended) {
    const auto buffer = boost::asio::buffer(*space);
    socket_.async_read_some(buffer, [this, space = std::move(space), ended = std::move(ended)](
                                        const ErrorCode& error, std::size_t /*bytes*/) mutable {
        error ? ended() : discard(std::move(space), std::move(ended));
    });
}

void Stream::close() noexcept {
    ErrorCode ignored;
    socket_.close(ignored);
}

}  // namespace vserd::web
