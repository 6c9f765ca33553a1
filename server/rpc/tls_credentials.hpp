#pragma once

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>

#include "net/certificate_store.hpp"

namespace vserd::rpc {

/// TLS of one listener. Each handshake asks the store; grpc::SslServerCredentials keeps its certificate for life.
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

    const std::shared_ptr<const net::CertificateStore> store_;  // shared by the listeners
    std::uint64_t generation_ = 0;                              ///< that gRPC has; it asks under a lock of its own
    grpc_server_credentials* credentials_;
};

}  // namespace vserd::rpc
