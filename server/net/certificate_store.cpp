#include "net/certificate_store.hpp"

#include <utility>

namespace vserd::net {

void CertificateStore::replace(TlsPems pems) {
    const std::lock_guard lock(mutex_);
    if (generation_ == 0) wants_client_certificates_ = !pems.client_ca.empty();
    expires_ = std::chrono::floor<std::chrono::seconds>(pems.expires.time_since_epoch()).count();
    pems_ = std::move(pems);
    ++generation_;
}

std::optional<TlsPems> CertificateStore::newer_than(std::uint64_t& generation) const {
    const std::lock_guard lock(mutex_);
    if (generation == generation_) return std::nullopt;
    generation = generation_;
    return pems_;
}

}  // namespace vserd::net
