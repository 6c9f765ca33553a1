#include "access/authenticator.hpp"

namespace vserd::access {

Result<Identity> Authenticator::bearer(std::string_view token, std::chrono::system_clock::time_point now) const {
    if (token.empty() || token.size() > jwt_bytes_max)
        return Error{Failure::unauthenticated, 0, "token", "the token is malformed: it is empty or too long"};
    const auto line = tokens_.check(token, now);
    if (line) return Identity{.names = {"token:" + line->name}, .credential = {.id = credential_id(*line)}};
    // A token of the file has no dots; what has two is meant to be a JWT.
    const bool looks_like_jwt = token.find('.') != std::string_view::npos;
    return jwt_ && looks_like_jwt ? jwt_->check(token, now) : Result<Identity>(line.error());
}

}  // namespace vserd::access
