#pragma once

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace vserd::net {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

/// Reads from `pem`, which must outlive it.
inline Bio bio_of(const std::string& pem) {
    return {::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free};
}

/// Null after the last one.
inline Certificate next_certificate(BIO* pem) {
    return {::PEM_read_bio_X509(pem, nullptr, nullptr, nullptr), &::X509_free};
}

/// Null if there is none or it has a passphrase. Prevents OpenSSL from asking for one on the terminal.
inline Key key_of(const std::string& pem) {
    const auto no_passphrase = [](char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return 0; };
    return {::PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_passphrase, nullptr), &::EVP_PKEY_free};
}

}  // namespace vserd::net
