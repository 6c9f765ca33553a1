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

/// What the files of [server.tls] hold, in PEM.
struct TlsPems {
    std::string certificate;
    std::string key;
    std::string client_ca;                          ///< empty: clients need no certificate
    std::chrono::system_clock::time_point expires;  ///< of the server's own certificate
};

/// A certificate that can be used no longer than this is worth a warning.
inline constexpr std::chrono::hours certificate_expiry_warning{14 * 24};

/// Reads them and sees that they fit each other: gRPC would only fail each handshake, without a word.
Result<TlsPems> load_tls(const TlsFiles& files);

/// What is worth saying at this time about a certificate that expires then: that it has expired, or will within certificate_expiry_warning.
std::optional<std::string> expiry_warning(std::chrono::system_clock::time_point expires,
                                          std::chrono::system_clock::time_point now);

}  // namespace vserd::net
