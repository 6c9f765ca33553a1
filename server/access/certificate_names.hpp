#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vserd::access {

inline constexpr std::size_t certificate_names_max = 64;
inline constexpr std::size_t certificate_name_bytes_max = 2048;  ///< the longest SPIFFE ID

/// The names in a verified certificate, as they are in it.
struct CertificateNames {
    std::vector<std::string> uris = {};       ///< subject alternative names
    std::vector<std::string> dns_names = {};  ///< subject alternative names
    std::vector<std::string> common_names = {};
};

/// The names of a certificate in DER or PEM (its first certificate). Empty if it cannot be parsed.
CertificateNames names_in_der(std::string_view der);
CertificateNames names_in_pem(std::string_view pem);

/// The names for an Identity: "cert:spiffe://lab/ci" for a URI, "cert:a.example" for a DNS name, in lower case, and, if wanted,
/// "cert:CN=ann" for the common name. Leaves out names that could be read in two ways: with NUL, control characters, wildcards,
/// letters outside ASCII, URIs with "." or ".." as a segment, several common names. At most certificate_names_max.
std::vector<std::string> identity_names(const CertificateNames& names, bool with_common_name);

}  // namespace vserd::access
