#include "pki/certificate.hpp"

#include <fmt/core.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace vserd::pki {
namespace {

/// The clocks of other machines may be behind.
constexpr long begins_seconds_ago = 3600;  // NOLINT(google-runtime-int): as OpenSSL has it
constexpr int serial_bytes = 16;
constexpr int version_3 = 2;

Error failed(const char* what) {
    const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
    return {Failure::io, 0, "pki",
            fmt::format("OpenSSL cannot {}: {}", what, reason != nullptr ? reason : "unknown reason")};
}

struct Extension {
    int kind;
    std::string text;
};

std::vector<Extension> extensions_of(const Contents& contents) {
    std::vector<Extension> list;
    switch (contents.purpose) {
        case Purpose::authority:
            list = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                    {NID_key_usage, "critical,keyCertSign,cRLSign"}};
            break;
        case Purpose::server:
            list = {{NID_basic_constraints, "critical,CA:FALSE"},
                    {NID_key_usage, "critical,digitalSignature"},
                    {NID_ext_key_usage, "serverAuth"}};
            break;
        case Purpose::client:
            list = {{NID_basic_constraints, "critical,CA:FALSE"},
                    {NID_key_usage, "critical,digitalSignature"},
                    {NID_ext_key_usage, "clientAuth"}};
            break;
    }
    list.push_back({NID_subject_key_identifier, "hash"});
    list.push_back({NID_authority_key_identifier, "keyid:always"});
    if (!contents.alternative_names.empty()) list.push_back({NID_subject_alt_name, contents.alternative_names});
    return list;
}

bool add_extensions(X509* certificate, const X509* issuer, const Contents& contents) {
    X509V3_CTX context{};
    ::X509V3_set_ctx(&context, const_cast<X509*>(issuer), certificate, nullptr, nullptr, 0);  // only reads the issuer
    for (const Extension& each : extensions_of(contents)) {
        const std::unique_ptr<X509_EXTENSION, decltype(&::X509_EXTENSION_free)> made{
            ::X509V3_EXT_conf_nid(nullptr, &context, each.kind, each.text.c_str()), &::X509_EXTENSION_free};
        if (!made || ::X509_add_ext(certificate, made.get(), -1) != 1) return false;
    }
    return true;
}

bool set_serial(X509* certificate) {
    std::array<unsigned char, serial_bytes> bytes{};
    if (::RAND_bytes(bytes.data(), serial_bytes) != 1) return false;
    bytes[0] &= 0x7f;  // positive
    bytes[0] |= 0x40;  // and always of the same length
    const std::unique_ptr<BIGNUM, decltype(&::BN_free)> number{::BN_bin2bn(bytes.data(), serial_bytes, nullptr),
                                                               &::BN_free};
    return number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509* certificate, const std::string& name, const X509* issuer) {
    X509_NAME* const subject = ::X509_get_subject_name(certificate);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    return ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
           ::X509_set_issuer_name(certificate, issuer == nullptr ? subject : ::X509_get_subject_name(issuer)) == 1;
}

bool set_lifetime(X509* certificate, std::chrono::days lifetime, const X509* issuer) {
    if (::X509_gmtime_adj(::X509_getm_notBefore(certificate), -begins_seconds_ago) == nullptr) return false;
    if (::X509_time_adj_ex(::X509_getm_notAfter(certificate), static_cast<int>(lifetime.count()), 0, nullptr) ==
        nullptr)
        return false;
    if (issuer == nullptr) return true;
    const ASN1_TIME* const end = ::X509_get0_notAfter(issuer);
    const bool is_longer = ::ASN1_TIME_compare(::X509_get0_notAfter(certificate), end) > 0;
    return !is_longer || ::X509_set1_notAfter(certificate, end) == 1;
}

}  // namespace

Result<net::Key> make_key() {
    net::Key key{EVP_EC_gen("P-256"), &::EVP_PKEY_free};
    if (!key) return failed("make a key");
    return key;
}

Result<net::Certificate> make_certificate(const Contents& contents, EVP_PKEY* key, const Issuer* issuer) {
    const net::ClearErrors clear;
    net::Certificate made{::X509_new(), &::X509_free};
    const X509* const signer = issuer != nullptr ? issuer->certificate : nullptr;
    const bool filled = made && ::X509_set_version(made.get(), version_3) == 1 && set_serial(made.get()) &&
                        set_name(made.get(), contents.name, signer) &&
                        set_lifetime(made.get(), contents.lifetime, signer) &&
                        ::X509_set_pubkey(made.get(), key) == 1 &&
                        add_extensions(made.get(), signer != nullptr ? signer : made.get(), contents);
    if (!filled) return failed("make a certificate");
    if (::X509_sign(made.get(), issuer != nullptr ? issuer->key : key, ::EVP_sha256()) == 0) return failed("sign");
    return made;
}

std::string pem_of(EVP_PKEY* key) {
    const net::Bio bio{::BIO_new(::BIO_s_mem()), &::BIO_free};
    if (!bio || ::PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(bio.get(), &text);  // NOLINT(google-runtime-int): as OpenSSL has it
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace vserd::pki
