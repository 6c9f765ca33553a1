#include "tcp/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "net/tls.hpp"

namespace vserd::tcp {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

/// The most bytes that one call encrypts, so that one client delays the others little.
constexpr std::size_t tls_write_bytes_max = std::size_t{16} << 10;

Bio bio_of(const std::string& pem) {
    return {::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free};
}

Certificate next_certificate(BIO* pem) { return {::PEM_read_bio_X509(pem, nullptr, nullptr, nullptr), &::X509_free}; }

/// The server's certificate first, then the intermediate ones.
bool use_chain(SSL_CTX* context, const std::string& pem) {
    const Bio bio = bio_of(pem);
    const Certificate own = next_certificate(bio.get());
    if (!own || ::SSL_CTX_use_certificate(context, own.get()) != 1) return false;
    while (const Certificate next = next_certificate(bio.get())) {
        if (::SSL_CTX_add1_chain_cert(context, next.get()) != 1) return false;
    }
    return true;
}

bool use_key(SSL_CTX* context, const std::string& pem) {
    const Key key{::PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, nullptr, nullptr), &::EVP_PKEY_free};
    return key && ::SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

/// Clients must present a certificate that one of these signed.
bool require_clients_of(SSL_CTX* context, const std::string& pem) {
    if (pem.empty()) return true;
    const Bio bio = bio_of(pem);
    bool any = false;
    while (const Certificate each = next_certificate(bio.get())) {
        if (::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), each.get()) != 1) return false;
        if (::SSL_CTX_add_client_CA(context, each.get()) != 1) return false;
        any = true;
    }
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return any;
}

bool fill(SSL_CTX* context, const net::TlsPems& pems) {
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_mode(context,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    return use_chain(context, pems.certificate) && use_key(context, pems.key) &&
           require_clients_of(context, pems.client_ca);
}

}  // namespace

void SslRelease::operator()(ssl_ctx_st* context) const noexcept { ::SSL_CTX_free(context); }
void SslRelease::operator()(ssl_st* session) const noexcept { ::SSL_free(session); }

Result<ssl_ctx_st*> TlsContext::current() {
    if (const auto pems = store_->newer_than(generation_)) {
        SslContext context(::SSL_CTX_new(::TLS_server_method()));
        const bool usable = context && fill(context.get(), *pems);
        ::ERR_clear_error();  // of this thread
        context_ = usable ? std::move(context) : nullptr;
    }
    if (context_) return context_.get();
    return Error{Failure::invalid_argument, 0, "tls", "OpenSSL does not accept the certificate in [server.tls]"};
}

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

void TlsStream::shut_down() noexcept {
    if (!session_) return;
    ::SSL_shutdown(session_.get());
    ::ERR_clear_error();
}

}  // namespace vserd::tcp
