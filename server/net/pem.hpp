#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>

namespace vserd::net {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

/// Clears this thread's queue of OpenSSL errors at the end of its scope, because gRPC uses the queue too.
class ClearErrors {
public:
    ClearErrors() { ::ERR_clear_error(); }
    ~ClearErrors() { ::ERR_clear_error(); }
    ClearErrors(const ClearErrors&) = delete;
    ClearErrors& operator=(const ClearErrors&) = delete;
};

/// The epoch if it cannot be read.
inline std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
    std::tm utc{};
    if (::ASN1_TIME_to_tm(time, &utc) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&utc));
}

/// Reads from `pem`, which must outlive it.
inline Bio bio_of(const std::string& pem) {
    return {::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free};
}

/// Null after the last one.
inline Certificate next_certificate(BIO* pem) {
    return {::PEM_read_bio_X509(pem, nullptr, nullptr, nullptr), &::X509_free};
}

/// Empty if there is none.
inline std::string pem_of(X509* certificate) {
    const Bio bio{certificate == nullptr ? nullptr : ::BIO_new(::BIO_s_mem()), &::BIO_free};
    if (!bio || ::PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(bio.get(), &text);  // NOLINT(google-runtime-int): as OpenSSL has it
    return {text, static_cast<std::size_t>(size)};
}

/// Null if there is none or it has a passphrase. Prevents OpenSSL from asking for one on the terminal.
inline Key key_of(const std::string& pem) {
    const auto no_passphrase = [](char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return 0; };
    return {::PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_passphrase, nullptr), &::EVP_PKEY_free};
}

}  // namespace vserd::net
