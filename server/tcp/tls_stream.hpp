#pragma once

#include <memory>
#include <vector>

#include "base/result.hpp"
#include "net/certificate_store.hpp"
#include "tcp/stream.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace vserd::tcp {

struct SslRelease {
    void operator()(ssl_ctx_st* context) const noexcept;
    void operator()(ssl_st* session) const noexcept;
};
using SslContext = std::unique_ptr<ssl_ctx_st, SslRelease>;

/// OpenSSL's form of the certificate in force. Io thread only.
class TlsContext {
public:
    explicit TlsContext(std::shared_ptr<const net::CertificateStore> store) : store_(std::move(store)) {}

    /// For the next handshake; renewed after a reload. The error says what OpenSSL rejected.
    Result<ssl_ctx_st*> current();

private:
    std::shared_ptr<const net::CertificateStore> store_;  // shared with the other front ends
    std::uint64_t generation_ = 0;
    SslContext context_;
};

/// With TLS 1.2 or later.
class TlsStream final : public Stream {
public:
    TlsStream(boost::asio::io_context& context, base::Fd socket, ssl_ctx_st* tls);

    Outcome handshake() override;
    Moved read(std::span<std::byte> space) override;
    Moved write(std::span<const iovec> pieces) override;
    bool crosses() const noexcept override { return true; }
    void shut_down() noexcept override;

private:
    Outcome outcome_of(int result) const;

    std::unique_ptr<ssl_st, SslRelease> session_;  ///< null: out of memory
};

}  // namespace vserd::tcp
