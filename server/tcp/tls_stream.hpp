#pragma once

#include <memory>
#include <string>

#include "tcp/stream.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace vserd::tcp {

struct SslRelease {
    void operator()(ssl_st* session) const noexcept;
};

/// With TLS, from a context of net::TlsContext.
class TlsStream final : public Stream {
public:
    TlsStream(boost::asio::io_context& context, base::Fd socket, ssl_ctx_st* tls);

    Outcome handshake() override;
    Moved read(std::span<std::byte> space) override;
    Moved write(std::span<const iovec> pieces) override;
    bool crosses() const noexcept override { return true; }
    std::string peer_certificate() const override;
    void shut_down() noexcept override;

private:
    Outcome outcome_of(int result) const;

    std::unique_ptr<ssl_st, SslRelease> session_;  ///< null: out of memory
};

}  // namespace vserd::tcp
