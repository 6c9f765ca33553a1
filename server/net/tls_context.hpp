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

/// OpenSSL's form of the certificate in force, for front ends that do not use gRPC's TLS. TLS 1.2 or later. One thread.
class TlsContext {
public:
    explicit TlsContext(std::shared_ptr<const CertificateStore> store) : store_(std::move(store)) {}

    /// For the next handshake; renewed after a reload. The error says what OpenSSL rejected.
    Result<ssl_ctx_st*> current();

private:
    std::shared_ptr<const CertificateStore> store_;  // shared with the other front ends
    std::uint64_t generation_ = 0;
    std::unique_ptr<ssl_ctx_st, SslContextRelease> context_;
};

}  // namespace vserd::net
