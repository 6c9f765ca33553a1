#include "net/tls.hpp"

#include <fmt/core.h>
#include <openssl/err.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include "net/pem.hpp"
#include "net/tls_context.hpp"

namespace vserd::net {
namespace {

Result<std::string> read_file(const std::string& path, const char* what) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (!file || content.str().empty()) {
        return Error{Failure::io, errno, what,
                     fmt::format("cannot read the {} file {}; check that it exists, is not empty and is readable by "
                                 "vserd's user",
                                 what, path)};
    }
    return content.str();
}

/// notAfter, in UTC; the epoch if it cannot be read.
std::chrono::system_clock::time_point expiry_of(const X509& certificate) {
    std::tm time{};
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(&certificate), &time) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&time));
}

Error unusable(const char* what, const std::string& path, std::string_view why) {
    return {Failure::invalid_argument, 0, what, fmt::format("the {} file {} {}", what, path, why)};
}

}  // namespace

Result<TlsPems> load_tls(const TlsFiles& files) {
    TlsPems pems;
    auto certificate = read_file(files.certificate, "tls certificate");
    if (!certificate) return certificate.error();
    auto key = read_file(files.key, "tls key");
    if (!key) return key.error();
    const auto parsed = next_certificate(bio_of(*certificate).get());
    const auto parsed_key = key_of(*key);
    const bool same = parsed && parsed_key && ::X509_check_private_key(parsed.get(), parsed_key.get()) == 1;
    ::ERR_clear_error();  // gRPC uses this thread's error queue too
    if (!parsed) {
        return unusable("tls certificate", files.certificate,
                        "does not contain a PEM certificate (-----BEGIN CERTIFICATE-----); is it the key, or DER?");
    }
    if (!parsed_key) {
        return unusable("tls key", files.key,
                        "does not contain a PEM private key without passphrase (-----BEGIN PRIVATE KEY-----)");
    }
    if (!same) {
        return unusable("tls key", files.key,
                        fmt::format("does not match the certificate in {}; the server's own certificate must come "
                                    "first in that file",
                                    files.certificate));
    }
    if (!files.client_ca.empty()) {
        auto client_ca = read_file(files.client_ca, "tls client CA");
        if (!client_ca) return client_ca.error();
        const bool usable = next_certificate(bio_of(*client_ca).get()) != nullptr;
        ::ERR_clear_error();
        if (!usable) {
            return unusable("tls client CA", files.client_ca,
                            "does not contain a PEM certificate (-----BEGIN CERTIFICATE-----)");
        }
        pems.client_ca = std::move(*client_ca);
    }
    pems.expires = expiry_of(*parsed);
    pems.certificate = std::move(*certificate);
    pems.key = std::move(*key);
    if (const auto made = make_tls_context(pems); !made) return made.error();
    return pems;
}

std::optional<std::string> expiry_warning(std::chrono::system_clock::time_point expires,
                                          std::chrono::system_clock::time_point now) {
    if (expires > now + certificate_expiry_warning) return std::nullopt;
    const std::time_t seconds = std::chrono::system_clock::to_time_t(expires);
    std::tm time{};
    ::gmtime_r(&seconds, &time);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%F %T UTC", &time);
    return fmt::format("the TLS certificate {} on {}; renew it and reload vserd",
                       expires <= now ? "expired" : "expires", text.data());
}

}  // namespace vserd::net
