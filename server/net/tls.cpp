#include "net/tls.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "net/pem.hpp"
#include "net/tls_context.hpp"

namespace vserd::net {
namespace {

using Time = std::chrono::system_clock::time_point;

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

/// The first time at which a certificate of the file expires.
Expiry expiry_of(const std::string& file, const std::string& pem) {
    Time earliest = Time::max();
    const Bio bio = bio_of(pem);
    while (const Certificate each = next_certificate(bio.get())) {
        earliest = std::min(earliest, time_of(::X509_get0_notAfter(each.get())));
    }
    return {file, earliest};
}

Error unusable(const char* what, const std::string& path, std::string_view why) {
    return {Failure::invalid_argument, 0, what, fmt::format("the {} file {} {}", what, path, why)};
}

Result<void> load_server(const TlsFiles& files, TlsPems& pems) {
    auto certificate = read_file(files.certificate, "TLS certificate");
    if (!certificate) return certificate.error();
    auto key = read_file(files.key, "TLS key");
    if (!key) return key.error();
    const auto parsed = next_certificate(bio_of(*certificate).get());
    const auto parsed_key = key_of(*key);
    if (!parsed) {
        return unusable("TLS certificate", files.certificate,
                        "does not contain a PEM certificate (-----BEGIN CERTIFICATE-----); is it the key, or DER?");
    }
    if (!parsed_key) {
        return unusable("TLS key", files.key,
                        "does not contain a PEM private key without passphrase (-----BEGIN PRIVATE KEY-----)");
    }
    if (::X509_check_private_key(parsed.get(), parsed_key.get()) != 1) {
        return unusable("TLS key", files.key,
                        fmt::format("does not match the certificate in {}; the server's own certificate must come "
                                    "first in that file",
                                    files.certificate));
    }
    pems.expiries.push_back(expiry_of(files.certificate, *certificate));
    pems.certificate = std::move(*certificate);
    pems.key = std::move(*key);
    return {};
}

Result<void> load_clients(const TlsFiles& files, TlsPems& pems) {
    if (files.client_ca.empty()) return {};
    auto client_ca = read_file(files.client_ca, "TLS client CA");
    if (!client_ca) return client_ca.error();
    if (!next_certificate(bio_of(*client_ca).get())) {
        return unusable("TLS client CA", files.client_ca,
                        "does not contain a PEM certificate (-----BEGIN CERTIFICATE-----)");
    }
    pems.expiries.push_back(expiry_of(files.client_ca, *client_ca));
    pems.client_ca = std::move(*client_ca);
    pems.client_certificate_optional = files.client_certificate_optional;
    if (files.crl.empty()) return {};
    auto lists = read_file(files.crl, "TLS revocation list");
    if (!lists) return lists.error();
    auto revoked = RevocationLists::parse(*lists, pems.client_ca);
    if (!revoked) return unusable("TLS revocation list", files.crl, revoked.error().message);
    if (const auto due = (*revoked)->next_update()) pems.crl_due = Expiry{files.crl, *due};
    pems.revoked = std::move(*revoked);
    pems.crl = std::move(*lists);
    return {};
}

std::string utc(Time time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%F %T UTC", &parts);
    return text.data();
}

}  // namespace

std::vector<std::string> TlsFiles::names() const {
    std::vector<std::string> names{certificate, key, client_ca, crl};
    std::erase(names, "");
    return names;
}

Result<TlsPems> load_tls(const TlsFiles& files) {
    const ClearErrors clear;
    TlsPems pems;
    if (const auto loaded = load_server(files, pems); !loaded) return loaded.error();
    if (const auto loaded = load_clients(files, pems); !loaded) return loaded.error();
    if (const auto made = make_tls_context(pems); !made) return made.error();
    return pems;
}

std::vector<std::string> expiry_warnings(const TlsPems& pems, Time now) {
    std::vector<std::string> warnings;
    for (const Expiry& each : pems.expiries) {
        if (each.time > now + certificate_expiry_warning) continue;
        warnings.push_back(fmt::format("the TLS certificate in {} {} on {}; renew it", each.file,
                                       each.time <= now ? "expired" : "expires", utc(each.time)));
    }
    if (pems.crl_due && pems.crl_due->time <= now) {
        warnings.push_back(
            fmt::format("the CA should have replaced the revocation list in {} by {}; vserd keeps using it",
                        pems.crl_due->file, utc(pems.crl_due->time)));
    }
    return warnings;
}

bool has_expired(const TlsPems& pems, Time now) { return pems.expiries.front().time <= now; }

}  // namespace vserd::net
