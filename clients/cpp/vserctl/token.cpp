#include "vserctl/token.hpp"

#include <fmt/core.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/parse.hpp"

namespace vserctl {
namespace {

using vser::client::Error;

constexpr std::size_t token_random_bytes = 32;
constexpr std::size_t token_name_bytes_max = 64;

std::string base64url(std::string_view bytes) {
    std::string text = base64(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.erase(std::min(text.find('='), text.size()));
    return text;
}

std::string sha256_hex(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    std::string digits;
    for (const unsigned char byte : hash) digits += fmt::format("{:02x}", byte);
    return digits;
}

std::optional<std::time_t> parse_utc(const std::string& text, const char* format) {
    tm parts{};
    const char* rest = ::strptime(text.c_str(), format, &parts);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    return ::timegm(&parts);
}

}  // namespace

vser::client::Result<std::string> parse_expiry(std::string_view text, std::chrono::system_clock::time_point now) {
    auto time = parse_utc(std::string(text), "%Y-%m-%dT%H:%M:%SZ");
    if (!time) time = parse_utc(std::string(text), "%Y-%m-%d");
    if (!time) {
        const auto lifetime = parse_duration(text);
        // In seconds: the nanoseconds of the system clock end in the year 2262.
        if (lifetime) {
            time = std::chrono::system_clock::to_time_t(now) +
                   std::chrono::duration_cast<std::chrono::seconds>(*lifetime).count();
        }
    }
    tm parts{};
    if (!time || ::gmtime_r(&*time, &parts) == nullptr || parts.tm_year > 9999 - 1900)
        return Error{.code = vser::client::Code::invalid_argument,
                     .message = fmt::format("--expires: '{}' is neither a duration such as 90d nor a time such as "
                                            "2026-12-31 or 2026-12-31T23:59:59Z",
                                            text)};
    if (*time <= std::chrono::system_clock::to_time_t(now))
        return Error{.code = vser::client::Code::invalid_argument,
                     .message = fmt::format("--expires: '{}' is not in the future, so the token would have expired "
                                            "already; a date means its beginning in UTC",
                                            text)};
    std::array<char, 32> out{};
    return std::string(out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

bool is_token_name(std::string_view name) {
    return !name.empty() && name.size() <= token_name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '@' || c == '-';
    });
}

vser::client::Result<NewToken> new_token(const TokenCommand& command) {
    std::array<char, token_random_bytes> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
        return Error{.code = vser::client::Code::unknown,
                     .message = fmt::format("the kernel gives no random bytes: {}", std::strerror(errno))};
    NewToken made;
    made.token = "vserd_" + base64url({random.data(), random.size()});
    made.sha256 = sha256_hex(made.token);
    made.line = command.name + " " + made.sha256 + (command.expires.empty() ? "" : " " + command.expires);
    return made;
}

int run_token(const TokenCommand& command, bool json) {
    const auto made = new_token(command);
    if (!made) return print_error(made.error(), json);
    if (!json) {
        put(made->line + "\n");
        put_message(fmt::format("The token, which is not shown again: {}\n", made->token));
        return exit_ok;
    }
    JsonObject object;
    object.field("name", command.name).field("token", made->token).field("sha256", made->sha256);
    if (!command.expires.empty()) object.field("expires", command.expires);
    put(object.field("line", made->line).text() + "\n");
    return exit_ok;
}

}  // namespace vserctl
