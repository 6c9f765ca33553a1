#include "access/tokens.hpp"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace vserd::access {
namespace {

/// A word of a line, and where it begins.
struct Word {
    std::string_view text;
    std::size_t column = 1;
};

/// Compares in seconds: the nanoseconds of the system clock end in the year 2262, and tokens "for ever" expire in 9999.
bool has_expired(const Token& token, std::chrono::system_clock::time_point now) {
    return token.expires && *token.expires <= std::chrono::floor<std::chrono::seconds>(now);
}

/// At most four: the fourth is one too many.
std::vector<Word> words_of(std::string_view line) {
    std::vector<Word> words;
    std::size_t at = 0;
    while (words.size() < 4) {
        at = line.find_first_not_of(" \t\r", at);
        if (at == std::string_view::npos || line[at] == '#') break;
        const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
        words.push_back({line.substr(at, end - at), at + 1});
        at = end;
    }
    return words;
}

bool is_token_name(std::string_view name) {
    return name.size() <= token_name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '_' || c == '@' || c == '-';
           });
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<Token::Hash> parse_hash(std::string_view text) {
    Token::Hash hash{};
    if (text.size() != hash.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < hash.size(); ++i) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        hash.at(i) = static_cast<unsigned char>(high * 16 + low);
    }
    return hash;
}

/// Parses one line after the other.
class Lines {
public:
    Lines(const std::string& file, std::chrono::system_clock::time_point now, FileReport& report)
        : file_(base::printable_text(file)), now_(now), report_(report) {}

    std::vector<Token> parse(std::string_view text);

private:
    std::optional<Token> parse_line(const std::vector<Word>& words);
    void error(const Word& at, const std::string& message) { report_.errors.push_back(place(at) + message); }
    std::string place(const Word& at) const { return fmt::format("{}:{}:{}: ", file_, line_, at.column); }

    std::string file_;
    std::chrono::system_clock::time_point now_;
    FileReport& report_;
    std::size_t line_ = 0;
    std::map<Token::Hash, std::size_t> lines_;  ///< where each token is
};

std::vector<Token> Lines::parse(std::string_view text) {
    std::vector<Token> tokens;
    while (!text.empty()) {
        ++line_;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto words = words_of(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.empty()) continue;
        if (tokens.size() == tokens_max) {
            error(words.front(), fmt::format("there are more than {} tokens", tokens_max));
            break;
        }
        if (auto token = parse_line(words)) tokens.push_back(std::move(*token));
    }
    return tokens;
}

std::optional<Token> Lines::parse_line(const std::vector<Word>& words) {
    const std::size_t before = report_.errors.size();
    Token token;
    token.name = words[0].text;
    if (!is_token_name(words[0].text))
        error(words[0], fmt::format("a token's name must be 1 to {} of A-Z, a-z, 0-9, '.', '_', '@' and '-'",
                                    token_name_bytes_max));
    if (words.size() < 2) {
        error({{}, words[0].column + words[0].text.size()},
              "the SHA-256 of the token is missing; `vserctl token new NAME` prints a whole line");
    } else if (const auto hash = parse_hash(words[1].text)) {
        token.sha256 = *hash;
        const auto [first, added] = lines_.emplace(*hash, line_);
        if (!added) error(words[1], fmt::format("this token is in line {} already; each needs its own", first->second));
    } else {
        // The text is not repeated: it may be the token itself.
        error(words[1],
              "the SHA-256 of a token must be 64 hexadecimal digits; `vserctl token new NAME` prints a whole line");
    }
    if (words.size() > 2) {
        if (const auto time = base::parse_time(words[2].text)) {
            token.expires = *time;
        } else {
            error(words[2], time.error().message);
        }
    }
    if (words.size() > 3) error(words[3], "nothing may follow the time of expiry; '#' begins a comment");
    if (report_.errors.size() > before) return std::nullopt;
    if (has_expired(token, now_))
        report_.warnings.push_back(place(words[2]) + fmt::format("token '{}' has expired", token.name));
    return token;
}

}  // namespace

Tokens::Tokens(std::string_view text, const std::string& file, std::chrono::system_clock::time_point now,
               FileReport& report)
    : tokens_(Lines(file, now, report).parse(text)) {}

std::string credential_id(const Token& token) {
    return "token:" + std::string(token.sha256.begin(), token.sha256.end());
}

/// Compares with every token in constant time, so the duration depends on the length of what was presented and on the number
/// of lines only. A look-up by hash would be faster, but it would tell how much of the hash is right. 4096 tokens cost 0.1 ms.
Result<Token> Tokens::check(std::string_view token, std::chrono::system_clock::time_point now) const {
    Token::Hash hash{};
    ::SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
    std::size_t found = 0;  // the place, counted from 1
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const int differs = ::CRYPTO_memcmp(hash.data(), tokens_[i].sha256.data(), hash.size());
        found += (i + 1) * static_cast<std::size_t>(differs == 0);
    }
    if (found == 0)
        return Error{Failure::unauthenticated, 0, "token",
                     "the token is unknown; the server's tokens file has no such line"};
    const Token& known = tokens_[found - 1];
    if (has_expired(known, now))
        return Error{Failure::unauthenticated, 0, "token",
                     fmt::format("the token '{}' expired on {}; ask for a new one", known.name,
                                 base::time_text(*known.expires))};
    return known;
}

Credentials Tokens::credentials() const {
    Credentials credentials;
    for (const Token& token : tokens_) credentials.emplace(credential_id(token), token.expires);
    return credentials;
}

}  // namespace vserd::access
