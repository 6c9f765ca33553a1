#include "tcp/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "net/pem.hpp"

namespace vserd::tcp {
namespace {

/// The most bytes that one call encrypts, so that one client delays the others little.
constexpr std::size_t tls_write_bytes_max = std::size_t{16} << 10;

}  // namespace

void SslRelease::operator()(ssl_st* session) const noexcept { ::SSL_free(session); }

TlsStream::TlsStream(boost::asio::io_context& context, base::Fd socket, ssl_ctx_st* tls)
    : Stream(context, std::move(socket)), session_(::SSL_new(tls)) {
    if (!session_ || ::SSL_set_fd(session_.get(), fd()) != 1) {
        session_.reset();
        return;
    }
    ::SSL_set_accept_state(session_.get());
}

Stream::Outcome TlsStream::outcome_of(int result) const {
    const int error = ::SSL_get_error(session_.get(), result);
    ::ERR_clear_error();
    switch (error) {
        case SSL_ERROR_WANT_READ: return Outcome::wait_readable;
        case SSL_ERROR_WANT_WRITE: return Outcome::wait_writable;
        case SSL_ERROR_ZERO_RETURN: return Outcome::ended;
        default: return Outcome::failed;
    }
}

Stream::Outcome TlsStream::handshake() {
    if (!session_) return Outcome::failed;
    const int result = ::SSL_do_handshake(session_.get());
    return result == 1 ? Outcome::moved : outcome_of(result);
}

Stream::Moved TlsStream::read(std::span<std::byte> space) {
    std::size_t size = 0;
    const int result = ::SSL_read_ex(session_.get(), space.data(), space.size(), &size);
    if (result == 1) return {Outcome::moved, size};
    return {outcome_of(result)};
}

Stream::Moved TlsStream::write(std::span<const iovec> pieces) {
    const iovec& first = pieces.front();
    std::size_t size = 0;
    const int result =
        ::SSL_write_ex(session_.get(), first.iov_base, std::min(first.iov_len, tls_write_bytes_max), &size);
    if (result == 1) return {Outcome::moved, size};
    return {outcome_of(result)};
}

std::string TlsStream::peer_certificate() const {
    if (!session_ || ::SSL_get_verify_result(session_.get()) != X509_V_OK) return {};
    return net::pem_of(::SSL_get0_peer_certificate(session_.get()));
}

void TlsStream::shut_down() noexcept {
    if (!session_) return;
    ::SSL_shutdown(session_.get());
    ::ERR_clear_error();
}

}  // namespace vserd::tcp
