#include "rpc/caller.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vserd::rpc {
namespace {

constexpr std::string_view bearer_scheme = "bearer";

std::string_view view(const grpc::string_ref& text) { return {text.data(), text.size()}; }

std::vector<std::string> values(const grpc::AuthContext& connection, const char* property) {
    std::vector<std::string> values;
    for (const grpc::string_ref& value : connection.FindPropertyValues(property)) values.emplace_back(view(value));
    return values;
}

void append(std::vector<std::string>& names, std::vector<std::string> more) {
    std::move(more.begin(), more.end(), std::back_inserter(names));
}

/// Whether nobody on the way can read what the client sends.
bool is_private(const grpc::AuthContext& connection) {
    for (const auto& type : connection.FindPropertyValues("transport_security_type")) {
        if (view(type) == "ssl" || view(type) == "local") return true;
    }
    return false;
}

Error bad_token(std::string message) { return {Failure::unauthenticated, 0, "", std::move(message)}; }

/// The name of a scheme ignores case (RFC 9110, section 11.1).
bool is_bearer_scheme(std::string_view scheme) {
    return std::equal(scheme.begin(), scheme.end(), bearer_scheme.begin(), bearer_scheme.end(),
                      [](char given, char wanted) { return given == wanted || given == wanted - 'a' + 'A'; });
}

/// The token of the call; none: it has no `authorization`.
Result<std::optional<std::string_view>> token_of(const grpc::ServerContextBase& context) {
    const auto& metadata = context.client_metadata();
    const auto found = metadata.find("authorization");
    if (found == metadata.end()) return std::optional<std::string_view>{};
    const std::string_view value = view(found->second);
    const std::size_t space = std::min(value.find(' '), value.size());
    const std::size_t token = std::min(value.find_first_not_of(' ', space), value.size());
    if (space == value.size() || !is_bearer_scheme(value.substr(0, space))) {
        return bad_token("`authorization` must be \"Bearer TOKEN\"; other schemes are not known here");
    }
    if (metadata.count("authorization") > 1) return bad_token("`authorization` was sent twice; send one token");
    return std::optional(value.substr(token));
}

}  // namespace

Result<access::Identity> identity_of(const grpc::ServerContextBase& context, const access::Authority& authority) {
    access::Identity identity;
    if (!authority.policy.is_enforced()) return identity;
    const auto connection = context.auth_context();
    const auto token = token_of(context);
    if (!token) return token.error();
    if (*token) {
        if (!is_private(*connection)) {
            return bad_token(
                "a token is refused on a connection that others can read; connect with TLS or over the Unix socket");
        }
        auto known = authority.authenticator.bearer(**token, std::chrono::system_clock::now());
        if (!known) return known.error();
        identity = std::move(*known);
    }
    append(identity.names,
           authority.authenticator.certificate({.uris = values(*connection, "peer_uri"),
                                                .dns_names = values(*connection, "peer_dns"),
                                                .common_names = values(*connection, "x509_common_name")}));
    append(identity.names, values(*connection, unix_peer_property));
    return identity;
}

Result<Admitted> admit(Environment& environment, const grpc::ServerContextBase& context, std::size_t bytes,
                       std::size_t message_bytes) {
    std::string peer = context.peer();
    auto local = environment.passes.redeem(context);
    auto ticket = local ? environment.admission.admit_part(hub::account_of(*local), bytes + message_bytes)
                        : environment.admission.admit(peer, bytes, message_bytes);
    if (!ticket) return ticket.error();
    if (local) return Admitted{std::move(*ticket), std::move(*local)};
    auto identity = identity_of(context, *environment.session.authority());
    if (!identity) {
        environment.admission.count(net::Refusal::unauthenticated);
        environment.session.audit_unknown("grpc", peer, identity.error());
        return identity.error();
    }
    return Admitted{std::move(*ticket), {.identity = std::move(*identity), .via = "grpc", .peer = std::move(peer)}};
}

}  // namespace vserd::rpc
