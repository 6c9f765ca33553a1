#include "pki/authority.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/fd.hpp"
#include "pki/certificate.hpp"

namespace vserd::pki {
namespace {

constexpr std::chrono::days authority_lifetime{3652};
constexpr std::chrono::days leaf_lifetime{730};
constexpr std::size_t client_name_bytes_max = 64;
constexpr std::size_t host_bytes_max = 253;
constexpr mode_t secret_mode = 0600;
constexpr mode_t public_mode = 0644;
constexpr mode_t directory_mode = 0755;

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

Error failed(const std::string& what, const std::string& path) {
    const int error = errno;
    return {Failure::io, error, "pki", fmt::format("cannot {} {}: {}", what, path, std::strerror(error))};
}

Result<void> make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), directory_mode) == 0 || errno == EEXIST) return {};
    return failed("make the directory", path);
}

Result<void> write_new(const std::string& path, const std::string& text, mode_t mode) {
    const base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file) {
        if (errno != EEXIST) return failed("write", path);
        return Error{Failure::refused, EEXIST, "pki",
                     fmt::format("{} exists already; vserd does not overwrite it", path)};
    }
    if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
    auto error = failed("write", path);
    ::unlink(path.c_str());
    return error;
}

Result<std::string> read_text(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.str().empty()) return failed("read", path);
    return text.str();
}

bool is_ip(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// Writes BASE.key, then BASE.crt; if that fails, neither.
Result<void> write_pair(const std::string& base, const net::Key& key, X509* certificate) {
    if (auto written = write_new(base + ".key", pem_of(key.get()), secret_mode); !written) return written;
    auto written = write_new(base + ".crt", net::pem_of(certificate), public_mode);
    if (!written) ::unlink((base + ".key").c_str());
    return written;
}

/// A certificate signed by the CA of `authority`, and its key.
Result<void> issue(const Authority& authority, const std::string& base, const Contents& contents) {
    const auto ca_pem = read_text(authority.path("ca.crt"));
    if (!ca_pem) return ca_pem.error();
    const auto ca_key_pem = read_text(authority.path("ca.key"));
    if (!ca_key_pem) return ca_key_pem.error();
    const auto ca = net::next_certificate(net::bio_of(*ca_pem).get());
    const auto ca_key = net::key_of(*ca_key_pem);
    if (!ca || !ca_key || ::X509_check_private_key(ca.get(), ca_key.get()) != 1) {
        return Error{Failure::invalid_argument, 0, "pki",
                     fmt::format("{} and ca.key are not a CA's certificate and its key", authority.path("ca.crt"))};
    }
    auto key = make_key();
    if (!key) return key.error();
    const Issuer issuer{ca.get(), ca_key.get()};
    auto certificate = make_certificate(contents, key->get(), &issuer);
    if (!certificate) return certificate.error();
    return write_pair(base, *key, certificate->get());
}

}  // namespace

Result<void> check_client_name(const std::string& name) {
    const bool usable = !name.empty() && name.size() <= client_name_bytes_max &&
                        name.find_first_not_of(std::string(letters_and_digits) + "._-") == std::string::npos;
    if (usable && name.find_first_not_of('.') != std::string::npos) return {};
    return Error{Failure::invalid_argument, 0, "pki",
                 fmt::format("'{}' cannot be the name of a client: use 1 to {} of A-Z a-z 0-9 . _ -", name,
                             client_name_bytes_max)};
}

Result<void> check_host(const std::string& host) {
    const bool usable = !host.empty() && host.size() <= host_bytes_max && host.front() != '.' && host.front() != '-' &&
                        host.find_first_not_of(std::string(letters_and_digits) + ".-*") == std::string::npos;
    if (usable || is_ip(host)) return {};
    return Error{Failure::invalid_argument, 0, "pki",
                 fmt::format("'{}' is neither a host name nor an IP address", host)};
}

Result<void> Authority::create() const {
    if (auto made = make_directory(directory_); !made) return made;
    auto key = make_key();
    if (!key) return key.error();
    const Contents contents{Purpose::authority, "vserd private CA", "", authority_lifetime};
    auto certificate = make_certificate(contents, key->get(), nullptr);
    if (!certificate) return certificate.error();
    return write_pair(path("ca"), *key, certificate->get());
}

Result<void> Authority::add_server(const std::vector<std::string>& hosts) const {
    std::string names;
    for (const std::string& host : hosts) {
        names += fmt::format("{}{}:{}", names.empty() ? "" : ",", is_ip(host) ? "IP" : "DNS", host);
    }
    return issue(*this, path("server"), {Purpose::server, hosts.front(), names, leaf_lifetime});
}

Result<void> Authority::add_client(const std::string& name) const {
    if (auto made = make_directory(path("clients")); !made) return made;
    return issue(*this, path("clients/" + name), {Purpose::client, name, "URI:" + client_uri(name), leaf_lifetime});
}

}  // namespace vserd::pki
