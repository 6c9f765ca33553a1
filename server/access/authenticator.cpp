#include "access/authenticator.hpp"

namespace vserd::access {

Result<Identity> Authenticator::bearer(std::string_view token, std::chrono::system_clock::time_point now) const {
    if (token.empty() || token.size() > jwt_bytes_max)
        return Error{Failure::unauthenticated, 0, "token", "the token is malformed: it is empty or too long"};
    auto name = tokens_.check(token, now);
    if (name) return Identity{.names = {"token:" + *name}};
    // A token of the file has no dots; what has two is meant to be a JWT.
    const bool looks_like_jwt = token.find('.') != std::string_view::npos;
    return jwt_ && looks_like_jwt ? jwt_->check(token, now) : Result<Identity>(name.error());
}

}  // namespace vserd::access
