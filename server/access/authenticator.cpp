#include "access/authenticator.hpp"

namespace vserd::access {

Result<Identity> Authenticator::bearer(std::string_view /*token*/,
                                       std::chrono::system_clock::time_point /*now*/) const {
    return Error{Failure::unauthenticated, 0, "", "the token is not known; ask the operator of the server for one"};
}

}  // namespace vserd::access
