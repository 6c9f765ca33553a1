#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "net/tls.hpp"

namespace vserd::net {

/// Which certificate clients have to show.
enum class ClientCertificates : std::uint8_t { none, optional, required };

/// The certificate in force for every front end that uses TLS. A reload or a change of the files replaces it, and later
/// handshakes use the new one. Any thread.
class CertificateStore {
public:
    explicit CertificateStore(TlsPems pems);

    void replace(TlsPems pems);
    /// Decided by the first certificate; a reload does not change it.
    ClientCertificates client_certificates() const noexcept { return client_certificates_; }
    std::vector<Expiry> expiries() const;
    /// Whether these files have the contents that are in force.
    bool holds(const TlsPems& pems) const;
    /// Null: no certificate is revoked.
    std::shared_ptr<const RevocationLists> revoked() const;
    /// Warnings about certificates that expire soon.
    std::vector<std::string> warnings() const;
    /// Returns the certificate if it is newer than `generation`, and sets `generation` to the present one.
    std::optional<TlsPems> newer_than(std::uint64_t& generation) const;

private:
    const ClientCertificates client_certificates_;
    mutable std::mutex mutex_;
    TlsPems pems_;                  ///< guarded by mutex_
    std::uint64_t generation_ = 1;  ///< guarded by mutex_
};

}  // namespace vserd::net
