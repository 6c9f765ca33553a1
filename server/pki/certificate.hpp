#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "net/pem.hpp"

namespace vserd::pki {

/// What a certificate is for.
enum class Purpose : std::uint8_t { authority, server, client };

/// What a certificate says.
struct Contents {
    Purpose purpose = Purpose::client;
    std::string name;               ///< the common name, for people
    std::string alternative_names;  ///< in OpenSSL's form: "DNS:lab7,IP:10.0.0.7"; empty: none
    std::chrono::days lifetime{365};
};

/// Who signs a certificate.
struct Issuer {
    const X509* certificate;
    EVP_PKEY* key;
};

/// A new ECDSA key on the curve P-256.
Result<net::Key> make_key();
/// Signed by `issuer`, or by its own key if that is null. Does not outlive the issuer's certificate.
Result<net::Certificate> make_certificate(const Contents& contents, EVP_PKEY* key, const Issuer* issuer);
/// PKCS #8, without a passphrase.
std::string pem_of(EVP_PKEY* key);

}  // namespace vserd::pki
