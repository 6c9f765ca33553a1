#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace vserd::net {

/// PEM files. An empty certificate means no TLS. With a client CA, clients must present a certificate that it signed.
struct TlsFiles {
    std::string certificate;
    std::string key;
    std::string client_ca;
};

/// The contents of the files in [server.tls], in PEM.
struct TlsPems {
    std::string certificate;
    std::string key;
    std::string client_ca;                          ///< empty: clients need no certificate
    std::chrono::system_clock::time_point expires;  ///< of the server's own certificate
};

/// Warn when the certificate expires within this time.
inline constexpr std::chrono::hours certificate_expiry_warning{14 * 24};

/// Reads the files, and checks that they match and that OpenSSL accepts them. Otherwise each handshake would fail without a
/// reason.
Result<TlsPems> load_tls(const TlsFiles& files);

/// Returns a warning if the certificate has expired at `now`, or expires within certificate_expiry_warning.
std::optional<std::string> expiry_warning(std::chrono::system_clock::time_point expires,
                                          std::chrono::system_clock::time_point now);

}  // namespace vserd::net
