#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "vser_client/result.hpp"
#include "vserctl/options.hpp"

/// `vserctl token new`: makes a token without asking a server.
namespace vserctl {

/// A new token, and the line for the file that `tokens` of [access] names. Nobody can get the token back from the line.
struct NewToken {
    std::string token;   ///< "vserd_" and 32 random bytes in base64url
    std::string sha256;  ///< of the token, in hexadecimal digits
    std::string line;    ///< "NAME SHA256 [EXPIRES]"
};

vser::client::Result<NewToken> new_token(const TokenCommand& command);

/// "90d", "2026-12-31" or "2026-12-31T23:59:59Z" as the last one. A name for the file has 1 to 64 of [A-Za-z0-9._@-].
vser::client::Result<std::string> parse_expiry(std::string_view text, std::chrono::system_clock::time_point now);
bool is_token_name(std::string_view name);

/// The line on stdout, so that it can be appended to the file; the token on stderr. With `json` both on stdout.
int run_token(const TokenCommand& command, bool json);

}  // namespace vserctl
