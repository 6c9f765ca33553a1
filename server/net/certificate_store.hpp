#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "net/tls.hpp"

namespace vserd::net {

/// The certificate in force for every front end that uses TLS. A reload replaces it, and later handshakes use the new one.
/// Any thread.
class CertificateStore {
public:
    explicit CertificateStore(TlsPems pems) { replace(std::move(pems)); }

    void replace(TlsPems pems);
    /// Decided by the first certificate; a reload does not change it.
    bool wants_client_certificates() const noexcept { return wants_client_certificates_; }
    std::chrono::system_clock::time_point expires() const noexcept {
        return std::chrono::system_clock::time_point(std::chrono::seconds(expires_.load()));
    }
    /// Returns the certificate if it is newer than `generation`, and sets `generation` to the present one.
    std::optional<TlsPems> newer_than(std::uint64_t& generation) const;

private:
    mutable std::mutex mutex_;
    TlsPems pems_;                  ///< guarded by mutex_
    std::uint64_t generation_ = 0;  ///< guarded by mutex_
    std::atomic<std::int64_t> expires_{0};
    bool wants_client_certificates_ = false;
};

}  // namespace vserd::net
