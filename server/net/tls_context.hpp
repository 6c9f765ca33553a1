#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "net/certificate_store.hpp"

struct ssl_ctx_st;

namespace vserd::net {

struct SslContextRelease {
    void operator()(ssl_ctx_st* context) const noexcept;
};

using SslContext = std::unique_ptr<ssl_ctx_st, SslContextRelease>;

/// TLS 1.2 or later, without resumption, so that each handshake checks the client's certificate. The error says what OpenSSL
/// rejects, for example a key that is too short.
Result<SslContext> make_tls_context(const TlsPems& pems);

/// OpenSSL's form of the certificate in force, for front ends that do not use gRPC's TLS. One thread.
class TlsContext {
public:
    explicit TlsContext(std::shared_ptr<const CertificateStore> store) : store_(std::move(store)) {}

    /// For the next handshake; renewed after a reload.
    Result<ssl_ctx_st*> current();

private:
    std::shared_ptr<const CertificateStore> store_;  // shared with the other front ends
    std::uint64_t generation_ = 0;
    SslContext context_;
};

}  // namespace vserd::net
