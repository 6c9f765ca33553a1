#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.hpp"
#include "base/result.hpp"

namespace vserd::access {

inline constexpr std::size_t tokens_max = 4096;
inline constexpr std::size_t token_name_bytes_max = 64;

/// One line of the tokens file.
struct Token {
    using Hash = std::array<unsigned char, 32>;

    std::string name;  ///< 1 to 64 of [A-Za-z0-9._@-]; may be that of several tokens, so that one can replace another
    Hash sha256{};
    std::optional<std::chrono::sys_seconds> expires;
};

/// Credential::id of the clients that present this token. Another token of the same name has another one.
std::string credential_id(const Token& token);

/// What is wrong or doubtful in a file, each as "FILE:LINE:COLUMN: message".
struct FileReport {
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
};

/// The tokens that clients may present. Immutable; any thread.
class Tokens {
public:
    Tokens() = default;
    /// Parses lines of "NAME SHA256-OF-TOKEN-IN-HEX [EXPIRES]"; '#' begins a comment. `file` is used in messages only. `now`
    /// decides which tokens the report calls expired. Lines with errors are left out.
    Tokens(std::string_view text, const std::string& file, std::chrono::system_clock::time_point now,
           FileReport& report);

    /// The line of the token. Failure::unauthenticated if it is unknown or has expired.
    Result<Token> check(std::string_view token, std::chrono::system_clock::time_point now) const;

    /// All of them, with their expiry.
    Credentials credentials() const;
    const std::vector<Token>& lines() const noexcept { return tokens_; }
    std::size_t size() const noexcept { return tokens_.size(); }

private:
    std::vector<Token> tokens_;
};

}  // namespace vserd::access
