#include "access/load.hpp"

#include <fmt/core.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "access/jwk.hpp"
#include "access/users.hpp"
#include "base/regular_file.hpp"
#include "base/text.hpp"

namespace vserd::access {
namespace {

constexpr std::size_t access_file_bytes_max = std::size_t{1} << 20;

/// Who can write the tokens can become anybody; who can read them learns names and hashes.
void check_mode(const std::string& path, mode_t mode, FileReport& report) {
    const bool is_writable = (mode & S_IWOTH) != 0;
    if (!is_writable && (mode & S_IROTH) == 0) return;
    report.warnings.push_back(
        fmt::format("{}: every user of this machine can {} this file; chmod 640 and give it to root and "
                    "the group of vserd",
                    base::printable_text(path), is_writable ? "write" : "read"));
}

/// `key`: the setting that names the file.
std::optional<base::RegularFile> read(const std::string& path, std::string_view key, FileReport& report) {
    auto file = base::read_regular_file(path, access_file_bytes_max);
    if (file) return std::move(*file);
    std::string message = fmt::format("{}: {}: {}", key, base::printable_text(path), file.error().message);
    if (file.error().errno_value == EACCES) message += "; the user that vserd runs as must be able to read it";
    report.errors.push_back(std::move(message));
    return std::nullopt;
}

void add_digest(const std::string& text, std::string& digest) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    digest.append(hash.begin(), hash.end());
}

Tokens load_tokens(const std::string& path, std::chrono::system_clock::time_point now, Loaded& loaded) {
    if (path.empty()) return {};
    const auto file = read(path, "'tokens' in [access]", loaded.report);
    if (!file) return {};
    check_mode(path, file->mode, loaded.report);
    add_digest(file->text, loaded.digest);
    return {file->text, path, now, loaded.report};
}

std::optional<JwtVerifier> load_jwt(const std::optional<JwtSettings>& settings, Loaded& loaded) {
    if (!settings) return std::nullopt;
    const auto file = read(settings->jwks_file, "'jwks' in [access.jwt]", loaded.report);
    if (!file) return std::nullopt;
    if ((file->mode & S_IWOTH) != 0) check_mode(settings->jwks_file, file->mode, loaded.report);
    add_digest(file->text, loaded.digest);
    return JwtVerifier(parse_jwks(file->text, settings->jwks_file, loaded.report), settings->issuer,
                       settings->audience);
}

}  // namespace

Loaded load(const std::optional<Settings>& settings, std::chrono::system_clock::time_point now) {
    Loaded loaded;
    Authority authority;
    if (settings) {
        Tokens tokens = load_tokens(settings->tokens_file, now, loaded);
        auto jwt = load_jwt(settings->jwt, loaded);
        if (settings->rules.empty())
            loaded.report.warnings.emplace_back("[access] has no [[access.rule]], so nobody may do anything");
        Credentials credentials = tokens.credentials();
        if (jwt) credentials.merge(jwt->credentials());
        authority.policy = Policy(with_user_numbers(settings->rules, loaded.report), std::move(credentials));
        for (const Token& line : tokens.lines()) loaded.token_names.insert(line.name);
        authority.authenticator = Authenticator(std::move(tokens), std::move(jwt), settings->common_name);
    }
    if (loaded.report.errors.empty()) loaded.authority = std::make_shared<const Authority>(std::move(authority));
    return loaded;
}

std::vector<std::string> files_of(const std::optional<Settings>& settings) {
    std::vector<std::string> files;
    if (settings && !settings->tokens_file.empty()) files.push_back(settings->tokens_file);
    if (settings && settings->jwt) files.push_back(settings->jwt->jwks_file);
    return files;
}

}  // namespace vserd::access
