#include "net/revocation.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace vserd::net {
namespace {

bool is_signed_by(X509_CRL* list, const std::string& authorities) {
    const Bio bio = bio_of(authorities);
    while (const Certificate each = next_certificate(bio.get())) {
        if (::X509_NAME_cmp(::X509_get_subject_name(each.get()), ::X509_CRL_get_issuer(list)) != 0) continue;
        if (::X509_CRL_verify(list, ::X509_get0_pubkey(each.get())) == 1) return true;
    }
    return false;
}

Error unusable(const char* why) { return {Failure::invalid_argument, 0, "tls crl", why}; }

}  // namespace

Result<std::shared_ptr<const RevocationLists>> RevocationLists::parse(const std::string& pem,
                                                                      const std::string& authorities) {
    auto result = std::make_shared<RevocationLists>();
    const Bio bio = bio_of(pem);
    const ClearErrors clear;
    while (List list{::PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr), &::X509_CRL_free}) {
        if (!is_signed_by(list.get(), authorities)) {
            return unusable("contains a list that no certificate of 'client_ca' has signed");
        }
        result->lists_.push_back(std::move(list));
    }
    if (result->lists_.empty()) return unusable("does not contain a PEM revocation list (-----BEGIN X509 CRL-----)");
    if (::ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return unusable("contains a revocation list that cannot be read");
    }
    return std::shared_ptr<const RevocationLists>(std::move(result));
}

bool RevocationLists::revokes(X509* certificate) const {
    constexpr int revoked = 1;  // 2 means that a later list has removed it
    return std::ranges::any_of(lists_, [&](const List& list) {
        X509_REVOKED* entry = nullptr;
        return ::X509_NAME_cmp(::X509_CRL_get_issuer(list.get()), ::X509_get_issuer_name(certificate)) == 0 &&
               ::X509_CRL_get0_by_cert(list.get(), &entry, certificate) == revoked;
    });
}

bool RevocationLists::revokes(const std::string& pem) const {
    const ClearErrors clear;
    const Certificate certificate = next_certificate(bio_of(pem).get());
    return !certificate || revokes(certificate.get());
}

std::optional<std::chrono::system_clock::time_point> RevocationLists::next_update() const {
    std::optional<std::chrono::system_clock::time_point> earliest;
    for (const List& list : lists_) {
        const ASN1_TIME* next = ::X509_CRL_get0_nextUpdate(list.get());
        if (next == nullptr) continue;
        const auto time = time_of(next);
        earliest = earliest ? std::min(*earliest, time) : time;
    }
    return earliest;
}

}  // namespace vserd::net
