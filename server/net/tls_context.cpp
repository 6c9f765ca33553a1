#include "net/tls_context.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>

#include "net/pem.hpp"
#include "net/tls.hpp"

namespace vserd::net {
namespace {

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
    const Key key = key_of(pem);
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

bool fill(SSL_CTX* context, const TlsPems& pems) {
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_mode(context,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(context, 0);
    return use_chain(context, pems.certificate) && use_key(context, pems.key) &&
           require_clients_of(context, pems.client_ca);
}

}  // namespace

void SslContextRelease::operator()(ssl_ctx_st* context) const noexcept { ::SSL_CTX_free(context); }

Result<SslContext> make_tls_context(const TlsPems& pems) {
    ::ERR_clear_error();  // this thread's queue; gRPC uses it too
    SslContext context(::SSL_CTX_new(::TLS_server_method()));
    if (context && fill(context.get(), pems)) return context;
    const char* reason = ::ERR_reason_error_string(::ERR_get_error());
    ::ERR_clear_error();
    return Error{Failure::invalid_argument, 0, "tls",
                 fmt::format("OpenSSL rejects the certificates in [server.tls]: {}",
                             reason != nullptr ? reason : "unknown reason")};
}

Result<ssl_ctx_st*> TlsContext::current() {
    if (const auto pems = store_->newer_than(generation_)) {
        auto made = make_tls_context(*pems);
        context_ = made ? std::move(*made) : nullptr;
    }
    if (context_) return context_.get();
    return Error{Failure::invalid_argument, 0, "tls", "OpenSSL rejects the certificates in [server.tls]"};
}

}  // namespace vserd::net
