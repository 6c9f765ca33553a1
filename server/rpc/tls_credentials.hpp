#pragma once

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "net/certificate_store.hpp"

namespace vserd::rpc {

/// TLS credentials of one listener. Each handshake uses the store's current certificate, unlike with
/// grpc::SslServerCredentials, which keeps its certificate forever. Calls by clients whose certificate is revoked are
/// UNAUTHENTICATED.
class TlsCredentials final : public grpc::ServerCredentials {
public:
    explicit TlsCredentials(std::shared_ptr<const net::CertificateStore> store);
    ~TlsCredentials() override;
    TlsCredentials(const TlsCredentials&) = delete;
    TlsCredentials& operator=(const TlsCredentials&) = delete;

    void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

private:
    int AddPortToServer(const std::string& address, grpc_server* server) override;
    static grpc_ssl_certificate_config_reload_status fetch(void* self, grpc_ssl_server_certificate_config** config);

    static void check_call(void* self, grpc_auth_context* peer, const grpc_metadata* metadata, std::size_t count,
                           grpc_process_auth_metadata_done_cb done, void* call);

    const std::shared_ptr<const net::CertificateStore> store_;  // shared by the listeners
    std::uint64_t generation_ = 0;  ///< of the certificate that gRPC has; guarded by gRPC's own lock
    grpc_server_credentials* credentials_;
};

}  // namespace vserd::rpc
