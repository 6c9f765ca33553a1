#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/pem.hpp"

namespace vserd::net {

/// The certificate revocation lists (CRL) of the CAs that sign client certificates. Immutable; any thread.
class RevocationLists {
public:
    using List = std::unique_ptr<X509_CRL, decltype(&::X509_CRL_free)>;

    /// Both arguments are PEM texts. Fails if a list cannot be read, or is not signed by one of `authorities`.
    static Result<std::shared_ptr<const RevocationLists>> parse(const std::string& pem, const std::string& authorities);

    /// Whether a list of its CA names this certificate.
    bool revokes(X509* certificate) const;
    /// Also true if `pem` cannot be read.
    bool revokes(const std::string& pem) const;
    /// When the CA should have published the next list; the earliest of all lists. Empty if none says.
    std::optional<std::chrono::system_clock::time_point> next_update() const;

    const std::vector<List>& lists() const noexcept { return lists_; }

private:
    std::vector<List> lists_;
};

}  // namespace vserd::net
