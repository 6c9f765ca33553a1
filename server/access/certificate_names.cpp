#include "access/certificate_names.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace vserd::access {
namespace {

struct FreeX509 {
    void operator()(X509* certificate) const noexcept { ::X509_free(certificate); }
    void operator()(GENERAL_NAMES* names) const noexcept { ::GENERAL_NAMES_free(names); }
    void operator()(BIO* bio) const noexcept { ::BIO_free(bio); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeX509>;

constexpr std::size_t dns_name_bytes_max = 253;
constexpr std::size_t common_name_bytes_max = 64;

std::string bytes_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(::ASN1_STRING_length(text))};
}

void add_alternative_names(X509& certificate, CertificateNames& names) {
    const Owned<GENERAL_NAMES> list(
        static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
        if (name->type == GEN_URI) names.uris.push_back(bytes_of(name->d.uniformResourceIdentifier));
        if (name->type == GEN_DNS) names.dns_names.push_back(bytes_of(name->d.dNSName));
    }
}

void add_common_names(X509& certificate, CertificateNames& names) {
    const X509_NAME* subject = ::X509_get_subject_name(&certificate);
    int at = -1;
    while ((at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
        unsigned char* utf8 = nullptr;
        const int size = ::ASN1_STRING_to_UTF8(&utf8, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at)));
        // One that cannot be converted still counts, as a name that is left out.
        std::string& name = names.common_names.emplace_back();
        if (size > 0) name.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
        ::OPENSSL_free(utf8);
    }
}

CertificateNames names_in(Owned<X509> certificate) {
    CertificateNames names;
    if (certificate) {
        add_alternative_names(*certificate, names);
        add_common_names(*certificate, names);
    }
    ::ERR_clear_error();
    return names;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_visible(char c) { return c > 0x20 && c < 0x7f && c != '*' && c != '?'; }

bool is_dns_name(std::string_view name) {
    return !name.empty() && name.size() <= dns_name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
    });
}

/// "a/./b" and "a/../b" may be the names of other things.
bool has_dot_segment(std::string_view uri) {
    while (!uri.empty()) {
        const std::size_t end = std::min(uri.find('/'), uri.size());
        const std::string_view segment = uri.substr(0, end);
        if (segment == "." || segment == "..") return true;
        uri.remove_prefix(std::min(end + 1, uri.size()));
    }
    return false;
}

/// With a scheme, so that it cannot be taken for a DNS name or for "CN=".
bool is_uri(std::string_view uri) {
    const std::size_t colon = uri.find(':');
    if (uri.size() > certificate_name_bytes_max || colon == std::string_view::npos || !is_letter(uri.front()))
        return false;
    const std::string_view scheme = uri.substr(0, colon);
    return std::all_of(uri.begin(), uri.end(), is_visible) &&
           std::all_of(scheme.begin(), scheme.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; }) &&
           !has_dot_segment(uri);
}

bool is_common_name(std::string_view name) {
    return !name.empty() && name.size() <= common_name_bytes_max &&
           std::all_of(name.begin(), name.end(), [](char c) { return c == ' ' || is_visible(c); });
}

std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace

CertificateNames names_in_der(std::string_view der) {
    const auto* data = reinterpret_cast<const unsigned char*>(der.data());
    return names_in(Owned<X509>(::d2i_X509(nullptr, &data, static_cast<long>(der.size()))));
}

CertificateNames names_in_pem(std::string_view pem) {
    const Owned<BIO> bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) return {};
    // OpenSSL would ask for the password of an encrypted file on the terminal.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    return names_in(Owned<X509>(::PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)));
}

std::vector<std::string> identity_names(const CertificateNames& names, bool with_common_name) {
    std::vector<std::string> result;
    for (const std::string& uri : names.uris) {
        if (is_uri(uri)) result.push_back("cert:" + uri);
    }
    for (const std::string& name : names.dns_names) {
        if (is_dns_name(name)) result.push_back("cert:" + lower_case(name));
    }
    // Of several nobody knows which one is meant.
    if (with_common_name && names.common_names.size() == 1 && is_common_name(names.common_names.front()))
        result.push_back("cert:CN=" + names.common_names.front());
    if (result.size() > certificate_names_max) result.resize(certificate_names_max);
    return result;
}

}  // namespace vserd::access
