#include "net/certificate_store.hpp"

#include <chrono>
#include <tuple>
#include <utility>

namespace vserd::net {
namespace {

ClientCertificates wanted_by(const TlsPems& pems) {
    if (pems.client_ca.empty()) return ClientCertificates::none;
    return pems.client_certificate_optional ? ClientCertificates::optional : ClientCertificates::required;
}

}  // namespace

CertificateStore::CertificateStore(TlsPems pems) : client_certificates_(wanted_by(pems)), pems_(std::move(pems)) {}

void CertificateStore::replace(TlsPems pems) {
    const std::lock_guard lock(mutex_);
    pems_ = std::move(pems);
    ++generation_;
}

std::vector<Expiry> CertificateStore::expiries() const {
    const std::lock_guard lock(mutex_);
    return pems_.expiries;
}

bool CertificateStore::holds(const TlsPems& pems) const {
    const std::lock_guard lock(mutex_);
    return std::tie(pems.certificate, pems.key, pems.client_ca, pems.crl) ==
           std::tie(pems_.certificate, pems_.key, pems_.client_ca, pems_.crl);
}

std::shared_ptr<const RevocationLists> CertificateStore::revoked() const {
    const std::lock_guard lock(mutex_);
    return pems_.revoked;
}

std::vector<std::string> CertificateStore::warnings() const {
    const std::lock_guard lock(mutex_);
    return expiry_warnings(pems_, std::chrono::system_clock::now());
}

std::optional<TlsPems> CertificateStore::newer_than(std::uint64_t& generation) const {
    const std::lock_guard lock(mutex_);
    if (generation == generation_) return std::nullopt;
    generation = generation_;
    return pems_;
}

}  // namespace vserd::net
