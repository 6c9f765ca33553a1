#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/revocation.hpp"

namespace vserd::net {

/// PEM files. An empty certificate means no TLS. With a client CA, clients present a certificate that it signed.
struct TlsFiles {
    std::string certificate;
    std::string key;
    std::string client_ca;
    std::string crl;                           ///< revocation lists of the client CA; may be empty
    bool client_certificate_optional = false;  ///< a client without a certificate may connect and show a token

    /// The names of those that are configured.
    std::vector<std::string> names() const;

    friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

/// When the first certificate in a file expires.
struct Expiry {
    std::string file;
    std::chrono::system_clock::time_point time;
};

/// The contents of the files in [server.tls], in PEM.
struct TlsPems {
    std::string certificate;
    std::string key;
    std::string client_ca;  ///< empty: clients need no certificate
    bool client_certificate_optional = false;
    std::shared_ptr<const RevocationLists> revoked;  ///< shared with those who check; null: no CRL
    std::vector<Expiry> expiries;                    ///< of the certificate, then of the client CA
    std::optional<Expiry> crl_due;                   ///< when the CRL should have been replaced
    std::string crl;
};

/// Warn when a certificate expires within this time.
inline constexpr std::chrono::hours certificate_expiry_warning{30 * 24};

/// Reads the files, and checks that they match and that OpenSSL accepts them. Otherwise each handshake would fail without a
/// reason.
Result<TlsPems> load_tls(const TlsFiles& files);

/// A warning for each certificate that has expired at `now` or expires within certificate_expiry_warning, and for a CRL that
/// should have been replaced.
std::vector<std::string> expiry_warnings(const TlsPems& pems, std::chrono::system_clock::time_point now);

/// Whether clients reject the server's certificate, because it has expired.
bool has_expired(const TlsPems& pems, std::chrono::system_clock::time_point now);

}  // namespace vserd::net
