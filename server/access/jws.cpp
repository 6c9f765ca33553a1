#include <cjose/cjose.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "access/json.hpp"
#include "access/jwk.hpp"

namespace vserd::access {
namespace {

struct FreeJws {
    void operator()(cjose_jws_t* jws) const noexcept { ::cjose_jws_release(jws); }
};

Error not_signed() {
    return {Failure::unauthenticated, 0, "token", "the token is not signed by a key that the server accepts"};
}
Error malformed_jws(const char* why) {
    return {Failure::unauthenticated, 0, "token", std::string("the token is malformed: ") + why};
}

bool is_base64url(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// The three parts of a compact JWS, or nothing. Padding, spaces and empty parts are not allowed.
struct Parts {
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
};
std::optional<Parts> split_jws(std::string_view jws) {
    const std::size_t first = jws.find('.');
    const std::size_t second = first == std::string_view::npos ? first : jws.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const Parts parts{jws.substr(0, first), jws.substr(first + 1, second - first - 1), jws.substr(second + 1)};
    for (const std::string_view part : {parts.header, parts.payload, parts.signature}) {
        if (part.empty() || part.size() % 4 == 1 || !std::all_of(part.begin(), part.end(), is_base64url))
            return std::nullopt;
    }
    return parts;
}

/// The bytes that this many characters of base64url stand for.
std::size_t decoded_bytes(std::string_view part) { return part.size() / 4 * 3 + (part.size() % 4 * 3) / 4; }

std::optional<std::string> decode_base64url(std::string_view part) {
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    cjose_err error{};
    if (!::cjose_base64url_decode(part.data(), part.size(), &bytes, &size, &error)) return std::nullopt;
    std::string text(reinterpret_cast<const char*>(bytes), size);
    ::cjose_get_dealloc()(bytes);
    return text;
}

/// The header, if there is nothing in it that must be understood and is not.
Json header_of(const Parts& parts) {
    const auto text = decode_base64url(parts.header);
    if (!text) return nullptr;
    Json header = parse_json_object(*text);
    if (!header || ::json_object_get(header.get(), "crit") != nullptr) return nullptr;
    return header;
}

}  // namespace

Result<std::string> key_id_of_jws(std::string_view jws) {
    const auto parts = split_jws(jws);
    if (!parts) return malformed_jws("it is neither a token of vserd nor a JWT");
    const Json header = header_of(*parts);
    if (!header) return malformed_jws("its header cannot be read");
    auto kid = json_text(header, "kid");
    if (!kid) return malformed_jws("its header has no \"kid\"");
    return *std::move(kid);
}

/// cjose takes the algorithm from the header. So the header must name the algorithm of the key first.
Result<std::string> verify_jws(std::string_view jws, const Jwk& key) {
    const auto parts = split_jws(jws);
    if (!parts) return malformed_jws("it is not a JWT");
    const Json header = header_of(*parts);
    if (!header) return malformed_jws("its header cannot be read");
    if (json_text(header, "alg") != key.algorithm || decoded_bytes(parts->signature) != key.signature_bytes)
        return not_signed();
    cjose_err error{};
    const std::unique_ptr<cjose_jws_t, FreeJws> object(::cjose_jws_import(jws.data(), jws.size(), &error));
    const bool is_valid =
        object && ::cjose_jws_verify(object.get(), static_cast<const cjose_jwk_t*>(key.key.get()), &error);
    ::ERR_clear_error();
    if (!is_valid) return not_signed();
    std::uint8_t* payload = nullptr;  // belongs to the object
    std::size_t size = 0;
    if (!::cjose_jws_get_plaintext(object.get(), &payload, &size, &error)) return not_signed();
    return std::string(reinterpret_cast<const char*>(payload), size);
}

}  // namespace vserd::access
