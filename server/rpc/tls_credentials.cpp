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

}  // namespace

TlsCredentials::TlsCredentials(std::shared_ptr<const net::CertificateStore> store) : store_(std::move(store)) {
    const auto request = store_->wants_client_certificates()
                             ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    // This takes ownership of the options.
    credentials_ = ::grpc_ssl_server_credentials_create_with_options(
        ::grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &TlsCredentials::fetch, this));
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

}  // namespace vserd::rpc
