// JWT, JWKS and claims of any bytes: nothing is accepted but what a key has signed, and identities are printable.
#include "access/jwt.hpp"

#include "base/text.hpp"
#include "fuzz/fuzz.hpp"

using namespace vserd;

namespace {

// RFC 7515, A.3.
const std::string key =
    R"({"keys":[{"kty":"EC","kid":"a3","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
constexpr std::string_view signed_text =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1";
const std::chrono::system_clock::time_point now{std::chrono::seconds{1'800'000'000}};

const std::vector<access::Jwk>& keys() {
    static const std::vector<access::Jwk> parsed = [] {
        access::FileReport report;
        return access::parse_jwks(key, "k", report);
    }();
    return parsed;
}

void require_refusal(const Error& error) {
    require(error.failure == Failure::unauthenticated, "a refusal is one");
    require(error.message.starts_with("the token ") || error.message.starts_with("\"groups\""), "and says why");
    require(base::printable_text(error.message) == error.message, "in one printable line");
}

void tokens(std::string_view text) {
    const auto payload = access::verify_jws(text, keys().at(0));
    require(!payload || text.starts_with(signed_text), "only what the key has signed is accepted");
    const access::JwtVerifier verifier(keys(), "joe", "vserd");
    const auto identity = verifier.check(text, now);
    require(!identity, "that token has no kid");
    require_refusal(identity.error());
}

void claims(std::string_view text) {
    const access::JwtVerifier verifier(keys(), "joe", "vserd");
    const auto identity = verifier.identity(text, now);
    if (!identity) return require_refusal(identity.error());
    require(!identity->names.empty() && !identity->granted, "an identity has a name, and no role by itself");
    for (const std::string& name : identity->names) {
        require(name.starts_with("jwt:sub=") || name.starts_with("jwt:group="), "its names are those of a token");
        require(base::printable_text(name) == name, "and printable");
    }
    require(text.find("joe") != std::string_view::npos || text.find("\\u") != std::string_view::npos, "of this issuer");
}

void sets(std::string_view text) {
    access::FileReport report;
    for (const access::Jwk& jwk : access::parse_jwks(text, "k", report)) {
        require(!jwk.kid.empty() && jwk.key && jwk.signature_bytes > 0, "a key can be used");
        require(!jwk.algorithm.starts_with("HS") && jwk.algorithm != "none", "to check, not to sign");
        require(!access::verify_jws(signed_text, jwk), "a cut signature fits no key");
    }
    for (const std::string& line : report.errors) require(line.starts_with("k:"), "an error has its place");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = Input(data, size).rest();
    tokens(text);
    claims(text);
    sets(text);
    return 0;
}
