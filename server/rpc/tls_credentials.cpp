#include "rpc/tls_credentials.hpp"

#include <grpc/grpc.h>

#include <string>
#include <utility>

namespace vserd::rpc {

namespace {

/// The caller owns the result.
grpc_ssl_server_certificate_config* make_config(const net::TlsPems& pems) {
    const grpc_ssl_pem_key_cert_pair pair{pems.key.c_str(), pems.certificate.c_str()};
    // gRPC requires a CA; if clients need no certificate, it does not matter which.
    const std::string& authorities = pems.client_ca.empty() ? pems.certificate : pems.client_ca;
    return ::grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
}

grpc_ssl_client_certificate_request_type request_of(net::ClientCertificates wanted) {
    switch (wanted) {
        case net::ClientCertificates::none: return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
        case net::ClientCertificates::optional: return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
        case net::ClientCertificates::required: return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    }
    return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

/// The client's own certificate, in PEM; empty if it has shown none.
std::string certificate_of(const grpc_auth_context* peer) {
    auto found = ::grpc_auth_context_find_properties_by_name(peer, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const grpc_auth_property* property = ::grpc_auth_property_iterator_next(&found);
    return property == nullptr ? std::string() : std::string(property->value, property->value_length);
}

}  // namespace

TlsCredentials::TlsCredentials(std::shared_ptr<const net::CertificateStore> store) : store_(std::move(store)) {
    const auto request = request_of(store_->client_certificates());
    // This takes ownership of the options. gRPC's default is TLS 1.2 or later.
    credentials_ = ::grpc_ssl_server_credentials_create_with_options(
        ::grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &TlsCredentials::fetch, this));
    // gRPC's TLS has no revocation lists, so each call is checked.
    if (store_->client_certificates() == net::ClientCertificates::none) return;
    ::grpc_server_credentials_set_auth_metadata_processor(credentials_,
                                                          {&TlsCredentials::check_call, [](void*) {}, this});
}

TlsCredentials::~TlsCredentials() { ::grpc_server_credentials_release(credentials_); }

int TlsCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
    return ::grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

grpc_ssl_certificate_config_reload_status TlsCredentials::fetch(void* self,
                                                                grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<TlsCredentials*>(self);
    const auto pems = credentials.store_->newer_than(credentials.generation_);
    if (!pems) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    *config = make_config(*pems);
    return *config == nullptr ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

void TlsCredentials::check_call(void* self, grpc_auth_context* peer, const grpc_metadata* /*metadata*/,
                                std::size_t /*count*/, grpc_process_auth_metadata_done_cb done, void* call) {
    const auto revoked = static_cast<TlsCredentials*>(self)->store_->revoked();
    const std::string certificate = revoked ? certificate_of(peer) : std::string();
    if (certificate.empty() || !revoked->revokes(certificate)) {
        return done(call, nullptr, 0, nullptr, 0, GRPC_STATUS_OK, nullptr);
    }
    done(call, nullptr, 0, nullptr, 0, GRPC_STATUS_UNAUTHENTICATED, "the client's certificate is revoked");
}

}  // namespace vserd::rpc
