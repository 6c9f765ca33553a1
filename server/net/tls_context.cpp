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

/// A list that is overdue, or that a CA has not published, does not lock all clients out.
int tolerate_missing_lists(int ok, X509_STORE_CTX* checked) {
    switch (::X509_STORE_CTX_get_error(checked)) {
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED: ::X509_STORE_CTX_set_error(checked, X509_V_OK); return 1;
        default: return ok;
    }
}

bool add_revocation_lists(X509_STORE* store, const RevocationLists& lists) {
    for (const auto& each : lists.lists()) {
        if (::X509_STORE_add_crl(store, each.get()) != 1) return false;
    }
    return ::X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}

/// Certificates that clients present must be signed by one of these, and not revoked.
bool check_clients(SSL_CTX* context, const TlsPems& pems) {
    if (pems.client_ca.empty()) return true;
    const Bio bio = bio_of(pems.client_ca);
    X509_STORE* const store = ::SSL_CTX_get_cert_store(context);
    bool any = false;
    while (const Certificate each = next_certificate(bio.get())) {
        if (::X509_STORE_add_cert(store, each.get()) != 1) return false;
        if (::SSL_CTX_add_client_CA(context, each.get()) != 1) return false;
        any = true;
    }
    const int required = pems.client_certificate_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, pems.revoked ? tolerate_missing_lists : nullptr);
    return any && (!pems.revoked || add_revocation_lists(store, *pems.revoked));
}

bool fill(SSL_CTX* context, const TlsPems& pems) {
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_mode(context,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(context, 0);
    return use_chain(context, pems.certificate) && use_key(context, pems.key) && check_clients(context, pems);
}

}  // namespace

void SslContextRelease::operator()(ssl_ctx_st* context) const noexcept { ::SSL_CTX_free(context); }

Result<SslContext> make_tls_context(const TlsPems& pems) {
    const ClearErrors clear;
    SslContext context(::SSL_CTX_new(::TLS_server_method()));
    if (context && fill(context.get(), pems)) return context;
    const char* reason = ::ERR_reason_error_string(::ERR_get_error());
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
