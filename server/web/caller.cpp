#include "web/caller.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "access/certificate_names.hpp"

namespace vserd::web {
namespace {

constexpr std::string_view scheme = "bearer ";

Error refuse(std::string message) { return {Failure::unauthenticated, 0, "", std::move(message)}; }

bool is_bearer(std::string_view value) {
    return value.size() > scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), value.begin(), [](char wanted, char given) {
               return given == wanted || (wanted != ' ' && given == wanted - 'a' + 'A');
           });
}

Result<access::Identity> identity_of_token(const Request& request, const Peer& peer,
                                           const access::Authority& authority) {
    const auto value = request.header("authorization");
    if (!value) return access::Identity{};
    if (request.count("authorization") > 1) return refuse("`Authorization` was sent twice; send one token");
    if (!is_bearer(*value)) return refuse("`Authorization` must be \"Bearer TOKEN\"; other schemes are not known here");
    if (!peer.is_tls && !peer.is_local) {
        return refuse(
            "a token is refused on a connection that others can read; connect with TLS ([web] tls = true), or from the "
            "same machine");
    }
    const std::string_view rest = value->substr(scheme.size());
    return authority.authenticator.bearer(rest.substr(std::min(rest.find_first_not_of(' '), rest.size())),
                                          std::chrono::system_clock::now());
}

}  // namespace

std::vector<std::string> certificate_names(const Peer& peer, const access::Authority& authority) {
    if (peer.certificate.empty()) return {};
    return authority.authenticator.certificate(access::names_in_pem(peer.certificate));
}

Result<void> check_identified(const access::Identity& identity, const access::Authority& authority) {
    if (!identity.names.empty() || !authority.policy.is_enforced() || authority.policy.knows(identity)) return {};
    return refuse("this server wants to know who you are: send a token as `Authorization: Bearer TOKEN`");
}

Result<access::Identity> identity_of(const Request& request, const Peer& peer, const access::Authority& authority) {
    if (!authority.policy.is_enforced()) return access::Identity{};
    auto identity = identity_of_token(request, peer, authority);
    if (!identity) return identity;
    for (std::string& name : certificate_names(peer, authority)) identity->names.push_back(std::move(name));
    if (const auto identified = check_identified(*identity, authority); !identified) return identified.error();
    return identity;
}

}  // namespace vserd::web
