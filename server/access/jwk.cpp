#include "access/jwk.hpp"

#include <cjose/cjose.h>
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "access/json.hpp"
#include "base/text.hpp"

namespace vserd::access {
namespace {

constexpr std::array<std::string_view, 6> rsa_algorithms{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};

std::string algorithm_of_curve(std::size_t bits) {
    if (bits == 256) return "ES256";
    if (bits == 384) return "ES384";
    return bits == 521 ? "ES512" : "";
}

/// Reads one member of "keys".
class KeyReader {
public:
    KeyReader(json_t* key, std::string place, FileReport& report)
        : key_(json_incref(key)), place_(std::move(place)), report_(report) {}

    std::optional<Jwk> read();

private:
    std::string member(const char* name) const { return json_text(key_, name).value_or(""); }
    bool is_for_signatures() const;
    std::optional<Jwk> import(Jwk jwk);
    std::string algorithm(cjose_jwk_kty_t type, std::size_t bits) const;
    std::nullopt_t skip(const std::string& why) {
        report_.warnings.push_back(fmt::format("{}: {}; tokens that it signed are refused", place_, why));
        return std::nullopt;
    }

    Json key_;
    std::string place_;
    FileReport& report_;
};

bool KeyReader::is_for_signatures() const {
    const auto use = json_text(key_, "use");
    return !use || *use == "sig";
}

std::optional<Jwk> KeyReader::read() {
    if (!is_for_signatures()) return std::nullopt;
    const std::string type = member("kty");
    if (type == "oct" || member("alg").starts_with("HS")) {
        report_.errors.push_back(place_ +
                                 ": is a shared secret (kty \"oct\" or alg \"HS...\"); use RSA or EC keys, so that "
                                 "vserd can check tokens but not sign them");
        return std::nullopt;
    }
    Jwk jwk;
    jwk.kid = member("kid");
    if (jwk.kid.empty()) return skip("has no \"kid\"");
    if (type != "RSA" && type != "EC")
        return skip(fmt::format("kty \"{}\" is not supported; RSA and EC are", base::printable_text(type)));
    if (::json_object_get(key_.get(), "d") != nullptr)
        report_.warnings.push_back(place_ + ": has the private key; vserd needs the public key only, so remove \"d\"");
    return import(std::move(jwk));
}

/// Of the public members only, so that nothing else in the file changes it.
std::string fingerprint_of(const cjose_jwk_t& key) {
    const std::unique_ptr<char, void (*)(void*)> json(::cjose_jwk_to_json(&key, false, nullptr), ::cjose_get_dealloc());
    if (!json) return {};
    const std::string_view text(json.get());
    std::string hash(SHA256_DIGEST_LENGTH, '\0');
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(hash.data()));
    return hash;
}

std::optional<Jwk> KeyReader::import(Jwk jwk) {
    cjose_err error{};
    cjose_jwk_t* key = ::cjose_jwk_import_json(reinterpret_cast<cjose_header_t*>(key_.get()), &error);
    ::ERR_clear_error();
    if (key == nullptr) return skip("is not a valid key");
    jwk.fingerprint = fingerprint_of(*key);
    jwk.key = std::shared_ptr<const void>(key, [key](const void*) { ::cjose_jwk_release(key); });
    const cjose_jwk_kty_t type = ::cjose_jwk_get_kty(key, &error);
    const std::size_t bits = ::cjose_jwk_get_keysize(key, &error);
    jwk.algorithm = algorithm(type, bits);
    jwk.signature_bytes = (bits + 7) / 8 * (type == CJOSE_JWK_KTY_EC ? 2 : 1);
    if (jwk.algorithm.empty())
        return skip(fmt::format("cannot be used with alg \"{}\"", base::printable_text(member("alg"))));
    if (type == CJOSE_JWK_KTY_RSA && bits < rsa_bits_min)
        return skip(fmt::format("has {} bits; RSA needs {}", bits, rsa_bits_min));
    return jwk;
}

/// Empty if the key says another one than it can be used for.
std::string KeyReader::algorithm(cjose_jwk_kty_t type, std::size_t bits) const {
    const std::string named = member("alg");
    if (type == CJOSE_JWK_KTY_EC) {
        std::string only = algorithm_of_curve(bits);
        return named.empty() || named == only ? only : "";
    }
    if (named.empty()) return "RS256";
    return std::find(rsa_algorithms.begin(), rsa_algorithms.end(), named) == rsa_algorithms.end() ? "" : named;
}

void add_key(json_t* member, const std::string& file, std::size_t number, std::vector<Jwk>& keys, FileReport& report) {
    const auto kid = json_is_object(member) ? json_text(::json_object_get(member, "kid")) : std::nullopt;
    const std::string place =
        fmt::format("{}: key {}{}", file, number, kid ? fmt::format(" (kid \"{}\")", base::printable_text(*kid)) : "");
    if (!json_is_object(member)) {
        report.errors.push_back(place + ": is not an object");
        return;
    }
    auto key = KeyReader(member, place, report).read();
    if (!key) return;
    const bool is_twice = std::any_of(keys.begin(), keys.end(), [&](const Jwk& k) { return k.kid == key->kid; });
    if (is_twice) {
        report.errors.push_back(place + ": another key has this \"kid\" too; each needs its own");
    } else {
        keys.push_back(std::move(*key));
    }
}

}  // namespace

std::vector<Jwk> parse_jwks(std::string_view json, const std::string& path, FileReport& report) {
    const std::string file = base::printable_text(path);
    std::vector<Jwk> keys;
    json_error_t error{};
    const Json set = parse_json_object(json, &error);
    if (!set && error.text[0] != '\0') {
        report.errors.push_back(
            fmt::format("{}:{}:{}: {}", file, error.line, error.column, base::printable_text(error.text)));
        return keys;
    }
    const json_t* list = ::json_object_get(set.get(), "keys");
    if (!json_is_array(list)) {
        report.errors.push_back(file + ": is not a JSON Web Key Set, an object with an array \"keys\"");
        return keys;
    }
    if (::json_array_size(list) > jwks_max) {
        report.errors.push_back(fmt::format("{}: has more than {} keys", file, jwks_max));
        return keys;
    }
    for (std::size_t i = 0; i < ::json_array_size(list); ++i)
        add_key(::json_array_get(list, i), file, i + 1, keys, report);
    if (keys.empty() && report.errors.empty()) report.errors.push_back(file + ": has no key that can be used");
    return keys;
}

}  // namespace vserd::access
