#pragma once

#include <string_view>

#include "access/authority.hpp"
#include "access/identity.hpp"
#include "base/result.hpp"
#include "web/request.hpp"

namespace vserd::web {

/// Who makes a request: by its bearer token and by the client certificate of its connection. Without [access] nobody is
/// identified. Fails with Failure::unauthenticated for a token that proves nothing, and if a token is missing.
Result<access::Identity> identity_of(const Request& request, const Peer& peer, const access::Authority& authority);

/// Failure::unauthenticated if no rule grants anything to everybody and nothing shows who this is.
Result<void> check_identified(const access::Identity& identity, const access::Authority& authority);

/// The names in the client's certificate.
std::vector<std::string> certificate_names(const Peer& peer, const access::Authority& authority);

}  // namespace vserd::web
