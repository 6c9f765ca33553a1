#pragma once

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "net/tls.hpp"

namespace vserd::rpc {

/// The certificate in force, which a reload replaces. Any thread.
class CertificateStore {
public:
    explicit CertificateStore(net::TlsPems pems) { replace(std::move(pems)); }

    void replace(net::TlsPems pems);
    bool wants_client_certificates() const noexcept { return wants_client_certificates_; }
    std::chrono::system_clock::time_point expires() const noexcept {
        return std::chrono::system_clock::time_point(std::chrono::seconds(expires_.load()));
    }
    /// As gRPC takes it, owned by the caller; null when `generation` is the present one, which it becomes.
    grpc_ssl_server_certificate_config* newer_than(std::uint64_t& generation) const;

private:
    mutable std::mutex mutex_;
    net::TlsPems pems_;             ///< guarded by mutex_
    std::uint64_t generation_ = 0;  ///< guarded by mutex_
    std::atomic<std::int64_t> expires_{0};
    bool wants_client_certificates_ = false;  ///< as in the first one
};

/// TLS of one listener. Each handshake asks the store; grpc::SslServerCredentials keeps its certificate for life.
class TlsCredentials final : public grpc::ServerCredentials {
public:
    explicit TlsCredentials(std::shared_ptr<const CertificateStore> store);
    ~TlsCredentials() override;
    TlsCredentials(const TlsCredentials&) = delete;
    TlsCredentials& operator=(const TlsCredentials&) = delete;

    void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

private:
    int AddPortToServer(const std::string& address, grpc_server* server) override;
    static grpc_ssl_certificate_config_reload_status fetch(void* self, grpc_ssl_server_certificate_config** config);

    const std::shared_ptr<const CertificateStore> store_;  // shared by the listeners
    std::uint64_t generation_ = 0;                         ///< that gRPC has; it asks under a lock of its own
    grpc_server_credentials* credentials_;
};

}  // namespace vserd::rpc
