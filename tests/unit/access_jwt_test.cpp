#include "access/jwt.hpp"

#include <cjose/cjose.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jansson.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "access/authenticator.hpp"

namespace vserd::access {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Jwk> keys_of(const std::string& members) {
    FileReport report;
    auto keys = parse_jwks("{\"keys\":[" + members + "]}", "j", report);
    EXPECT_THAT(report.errors, IsEmpty());
    return keys;
}

// RFC 7515, appendix A.2 to A.4: public keys and tokens. The "kid" is ours.
const std::string joe =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string a2_key =
    R"({"kty":"RSA","kid":"a2","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4q)"
    R"(PCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5r)"
    R"(exMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_)"
    R"(h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
const std::string a2_token =
    "eyJhbGciOiJSUzI1NiJ9." + joe +
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L"
    "07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUi"
    "pUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string a3_key = R"({"kty":"EC","kid":"a3","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                           R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
const std::string a3_token = "eyJhbGciOiJFUzI1NiJ9." + joe +
                             ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string a4_key =
    R"({"kty":"EC","kid":"a4","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS)"
    R"(9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})";
const std::string a4_token =
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-"
    "KGDKB34XO0aw"
    "_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

// RFC 7520, section 4.1 to 4.3.
const std::string frodo =
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIG"
    "lm"
    "IHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
const std::string bilbo_rsa =
    R"("kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZ)"
    R"(dR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrH)"
    R"(qkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVT)"
    R"(U4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw")";
const std::string frodo_rs256 =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo +
    ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-"
    "BDkoBwA781"
    "85hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_"
    "qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS"
    "_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
const std::string frodo_ps384 =
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo +
    ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_"
    "1OLPpcbUrh"
    "iUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_"
    "ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2"
    "Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
const std::string bilbo_p521 =
    R"({"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U8)"
    R"(8c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHira)"
    R"(VySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"})";
const std::string frodo_es512 = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo +
                                ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-"
                                "JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7"
                                "XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";

TEST(Jws, VectorsOfRfc7515AreVerified) {
    EXPECT_THAT(verify_jws(a2_token, keys_of(a2_key).at(0)).value(), HasSubstr("\"iss\":\"joe\""));
    EXPECT_THAT(verify_jws(a3_token, keys_of(a3_key).at(0)).value(), HasSubstr("\"iss\":\"joe\""));
    EXPECT_EQ(verify_jws(a4_token, keys_of(a4_key).at(0)).value(), "Payload");
}

TEST(Jws, VectorsOfRfc7520AreVerified) {
    const auto rs256 = keys_of("{" + bilbo_rsa + "}");
    const auto ps384 = keys_of("{" + bilbo_rsa + R"(,"alg":"PS384"})");

    for (const auto& [key, token] :
         {std::pair(rs256, frodo_rs256), {ps384, frodo_ps384}, {keys_of(bilbo_p521), frodo_es512}}) {
        EXPECT_THAT(verify_jws(token, key.at(0)).value(), HasSubstr("a dangerous business, Frodo"));
        EXPECT_EQ(key_id_of_jws(token).value(), "bilbo.baggins@hobbiton.example");
    }
}

TEST(Jws, TheKeyDecidesTheAlgorithm) {
    EXPECT_FALSE(verify_jws(frodo_ps384, keys_of("{" + bilbo_rsa + "}").at(0)));  // without "alg": RS256
    EXPECT_FALSE(verify_jws(frodo_rs256, keys_of("{" + bilbo_rsa + R"(,"alg":"PS384"})").at(0)));
    EXPECT_FALSE(verify_jws(a4_token, keys_of(a3_key).at(0)));
    EXPECT_FALSE(verify_jws(a2_token, keys_of(a3_key).at(0)));
}

TEST(Jws, EverySingleChangeOfATokenIsNoticed) {
    const Jwk key = keys_of(a3_key).at(0);

    for (std::size_t i = 0; i + 1 < a3_token.size(); ++i) {  // of the last character some bits have no meaning
        std::string changed = a3_token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(verify_jws(changed, key)) << i;
    }
    for (std::size_t size = 0; size < a3_token.size(); ++size) EXPECT_FALSE(verify_jws(a3_token.substr(0, size), key));
    for (const char* more : {".", "=", "A", " ", "\n"}) EXPECT_FALSE(verify_jws(a3_token + more, key));
}

TEST(Jws, UnsignedAndSharedSecretsAreRefused) {
    const Jwk key = keys_of(a2_key).at(0);

    EXPECT_FALSE(verify_jws("eyJhbGciOiJub25lIn0." + joe + ".", key));  // RFC 7515, A.5
    EXPECT_FALSE(verify_jws("eyJhbGciOiJub25lIn0." + joe + ".AA", key));
    // RFC 7515, A.1: HS256
    EXPECT_FALSE(verify_jws(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", key));
}

struct BadSet {
    std::string json;
    std::string message;
};

TEST(Jwks, ErrorsNamePlaceAndFix) {
    const std::vector<BadSet> errors{
        {"{", "j:1:1: "},
        {"[]", "j: is not a JSON Web Key Set"},
        {"{\"keys\":{}}", "j: is not a JSON Web Key Set"},
        {"{\"keys\":[]}", "j: has no key that can be used"},
        {"{\"keys\":[1]}", "j: key 1: is not an object"},
        {R"({"keys":[{"kty":"oct","kid":"k","k":"AAAA"}]})", "j: key 1 (kid \"k\"): is a shared secret"},
        {R"({"keys":[{"kty":"RSA","kid":"k","alg":"HS256"}]})", "is a shared secret"},
        {"{\"keys\":[" + a3_key + "," + a3_key + "]}", "j: key 2 (kid \"a3\"): another key has this \"kid\" too"},
        {"{\"keys\":[],\"keys\":[]}", "duplicate"},
    };
    for (const BadSet& c : errors) {
        FileReport report;
        parse_jwks(c.json, "j", report);
        ASSERT_FALSE(report.errors.empty()) << c.json;
        EXPECT_THAT(report.errors[0], HasSubstr(c.message));
    }
}

const std::string rsa_1024 =
    "xl1j-SsEC9dpJg5V6QeU34F1S81RmxyVDQoViRFqk3jF86YXqEPde6Xq3LTOCUCrJOJAnB7GoF8z4G49G8p4JThQyFo5y_MumJ_v"
    "NUulq8A5UYmHj0WMJyhxFe8ek_dzYYi_qfyhXMkEIuEfwB3xYqkHAayY9-ZZXSayZmB6QR0";

TEST(Jwks, KeysThatCannotBeUsedAreLeftOutWithAWarning) {
    const std::vector<BadSet> warnings{
        {R"({"kty":"EC","crv":"P-256"})", "has no \"kid\""},
        {R"({"kty":"OKP","kid":"k","crv":"Ed25519"})", "kty \"OKP\" is not supported"},
        {R"({"kty":"EC","kid":"k","crv":"P-256","x":"AA","y":"AA"})", "is not a valid key"},
        {R"({"kty":"EC","kid":"k","crv":"secp256k1","x":"AA","y":"AA"})", "is not a valid key"},
        {a3_key.substr(0, a3_key.size() - 1) + R"(,"alg":"ES384"})", "cannot be used with alg \"ES384\""},
        {R"({"kty":"RSA","kid":"k","e":"AQAB","n":")" + rsa_1024 + R"("})", "has 1024 bits; RSA needs 2048"},
    };
    for (const BadSet& c : warnings) {
        FileReport report;
        const auto keys = parse_jwks("{\"keys\":[" + c.json + "," + a2_key + "]}", "j", report);
        EXPECT_THAT(report.errors, IsEmpty());
        ASSERT_EQ(report.warnings.size(), 1U) << c.json;
        EXPECT_THAT(report.warnings[0], HasSubstr(c.message));
        EXPECT_EQ(keys.size(), 1U);
    }
    FileReport report;
    EXPECT_EQ(parse_jwks(R"({"keys":[{"kty":"RSA","use":"enc"},)" + a2_key + "]}", "j", report).size(), 1U);
    EXPECT_THAT(report.warnings, IsEmpty());
}

/// Signs tokens with a key of its own.
class Issuer {
public:
    Issuer() : key_(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nullptr), cjose_jwk_release) {
        cjose_jwk_set_kid(key_.get(), "k1", 2, nullptr);
    }
    std::string sign(const std::string& claims, const std::string& header = R"({"alg":"ES256","kid":"k1"})") const {
        std::unique_ptr<json_t, void (*)(json_t*)> parsed(json_loads(header.c_str(), 0, nullptr), json_decref);
        std::unique_ptr<cjose_jws_t, void (*)(cjose_jws_t*)> jws(
            cjose_jws_sign(key_.get(), reinterpret_cast<cjose_header_t*>(parsed.get()),
                           reinterpret_cast<const std::uint8_t*>(claims.data()), claims.size(), nullptr),
            cjose_jws_release);
        const char* text = nullptr;
        return jws && cjose_jws_export(jws.get(), &text, nullptr) ? text : "";
    }
    std::vector<Jwk> keys() const {
        std::unique_ptr<char, void (*)(void*)> json(cjose_jwk_to_json(key_.get(), false, nullptr), std::free);
        return keys_of(json.get());
    }
    JwtVerifier verifier() const { return {keys(), "https://id.example", "vserd"}; }

private:
    std::unique_ptr<cjose_jwk_t, bool (*)(cjose_jwk_t*)> key_;
};

const std::chrono::system_clock::time_point noon{std::chrono::seconds{1'800'000'000}};
const std::string iss_aud = R"("iss":"https://id.example","aud":"vserd")";
const std::string times = R"("nbf":1799999000,"exp":1800001000)";

TEST(Jwt, SubjectAndGroupsBecomeNames) {
    const Issuer issuer;
    const auto identity = issuer.verifier().check(
        issuer.sign("{" + iss_aud + "," + times + R"(,"sub":"ann","groups":["dev","a\nb","","d\u00e9v",7,"ops"]})"),
        noon);

    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_THAT(identity->names, ElementsAre("jwt:sub=ann", "jwt:group=dev", "jwt:group=d\u00e9v", "jwt:group=ops"));
    EXPECT_FALSE(identity->granted);
}

TEST(Jwt, AnyAudienceOfTheListIsEnough) {
    const Issuer issuer;

    EXPECT_TRUE(issuer.verifier().check(
        issuer.sign(R"({"iss":"https://id.example","aud":["x","vserd"],"sub":"ann",)" + times + "}"), noon));
}

struct BadClaims {
    std::string claims;
    std::string message;
};

TEST(Jwt, EveryClaimIsRequired) {
    const Issuer issuer;
    const std::string sub = R"(,"sub":"ann")";
    const std::vector<BadClaims> cases{
        {R"({"aud":"vserd",)" + times + sub + "}", "another issuer"},
        {R"({"iss":"https://id.example/","aud":"vserd",)" + times + sub + "}", "another issuer"},
        {R"({"iss":["https://id.example"],"aud":"vserd",)" + times + sub + "}", "another issuer"},
        {R"({"iss":"https://id.example",)" + times + sub + "}", "another audience"},
        {R"({"iss":"https://id.example","aud":["vserd2",{"vserd":1}],)" + times + sub + "}", "another audience"},
        {"{" + iss_aud + R"(,"nbf":1)" + sub + "}", "no \"exp\""},
        {"{" + iss_aud + R"(,"exp":1800001000)" + sub + "}", "no \"nbf\""},
        {"{" + iss_aud + R"(,"nbf":1,"exp":"1800001000")" + sub + "}", "not a number"},
        {"{" + iss_aud + R"(,"nbf":1,"exp":1799999970)" + sub + "}", "expired"},
        {"{" + iss_aud + R"(,"nbf":1800000031,"exp":1800001000)" + sub + "}", "not valid yet"},
        {"{" + iss_aud + "," + times + "}", "no \"sub\""},
        {"{" + iss_aud + "," + times + R"(,"sub":"")" + "}", "no \"sub\""},
        {"{" + iss_aud + "," + times + R"(,"sub":"a\u0007b")" + "}", "no \"sub\""},
        {"{" + iss_aud + "," + times + sub + R"(,"groups":"dev")" + "}", "\"groups\""},
        {"{" + iss_aud + "," + times + sub + sub + "}", "claims cannot be read"},
        {"[]", "claims cannot be read"},
    };

    for (const BadClaims& c : cases) {
        const auto refused = issuer.verifier().check(issuer.sign(c.claims), noon);
        ASSERT_FALSE(refused) << c.claims;
        EXPECT_EQ(refused.error().failure, Failure::unauthenticated);
        EXPECT_THAT(refused.error().message, HasSubstr(c.message)) << c.claims;
    }
}

TEST(Jwt, ClocksMayDifferByThirtySeconds) {
    const Issuer issuer;
    const std::string token = issuer.sign("{" + iss_aud + R"(,"sub":"ann","nbf":1800000000.5,"exp":1800000010})");

    EXPECT_TRUE(issuer.verifier().check(token, noon - 29s));
    EXPECT_FALSE(issuer.verifier().check(token, noon - 30s));
    EXPECT_TRUE(issuer.verifier().check(token, noon + 39s));
    EXPECT_FALSE(issuer.verifier().check(token, noon + 40s));
}

TEST(Jwt, TheIdentityRemembersTheKeyAndTheExpiry) {
    const Issuer issuer;
    const auto ann = issuer.verifier().check(
        issuer.sign("{" + iss_aud + R"(,"sub":"ann","nbf":1799999000,"exp":1800000010})"), noon);
    const auto late =
        issuer.verifier().check(issuer.sign("{" + iss_aud + R"(,"sub":"ann","nbf":0,"exp":1e300})"), noon);

    ASSERT_TRUE(ann && late);
    EXPECT_EQ(ann->credential.expires, std::chrono::sys_seconds{1'800'000'040s});
    EXPECT_EQ(late->credential.expires, std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} + 24h - 1s);
    EXPECT_TRUE(issuer.verifier().credentials().contains(ann->credential.id));
    for (const JwtVerifier& other : {JwtVerifier(issuer.keys(), "https://id2.example", "vserd"),
                                     JwtVerifier(issuer.keys(), "https://id.example", "vserd2"), Issuer().verifier()}) {
        EXPECT_EQ(other.credentials().size(), 1U);
        EXPECT_FALSE(other.credentials().contains(ann->credential.id));
    }
}

TEST(Jwt, TheHeaderMustNameAKnownKeyAndNothingCritical) {
    const Issuer issuer;
    const std::string claims = "{" + iss_aud + "," + times + R"(,"sub":"ann"})";

    EXPECT_TRUE(issuer.verifier().check(issuer.sign(claims), noon));
    for (const char* header :
         {R"({"alg":"ES256"})", R"({"alg":"ES256","kid":"k2"})", R"({"alg":"ES256","kid":1})",
          R"({"alg":"ES256","kid":"k1","crit":["exp"],"exp":1})", R"({"alg":"ES384","kid":"k1"})"}) {
        EXPECT_FALSE(issuer.verifier().check(issuer.sign(claims, header), noon)) << header;
    }
}

TEST(Jwt, OfAnotherKeyWithTheSameIdIsRefused) {
    const Issuer issuer;
    const Issuer impostor;

    const auto refused = issuer.verifier().check(impostor.sign("{" + iss_aud + "," + times + R"(,"sub":"ann"})"), noon);

    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("not signed by a key that the server accepts"));
}

TEST(Jwt, HasALimit) {
    const Issuer issuer;
    const auto token = [&](std::size_t more) {
        return issuer.sign("{" + iss_aud + "," + times + R"(,"sub":"ann","x":")" + std::string(more, 'x') + "\"}");
    };

    EXPECT_TRUE(issuer.verifier().check(token(5000), noon));
    EXPECT_FALSE(issuer.verifier().check(token(7000), noon));
}

TEST(Authenticator, TriesTheTokensFileAndThenJwt) {
    const Issuer issuer;
    FileReport report;
    const Authenticator both(
        Tokens("ci-1 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n", "t", noon, report),
        issuer.verifier(), false);

    EXPECT_THAT(both.bearer("abc", noon)->names, ElementsAre("token:ci-1"));
    EXPECT_THAT(both.bearer(issuer.sign("{" + iss_aud + "," + times + R"(,"sub":"ann"})"), noon)->names,
                ElementsAre("jwt:sub=ann"));
    EXPECT_THAT(both.bearer("abd", noon).error().message, HasSubstr("unknown"));
    EXPECT_THAT(both.bearer("a.b", noon).error().message, HasSubstr("malformed"));
    EXPECT_THAT(both.bearer("", noon).error().message, HasSubstr("malformed"));
    EXPECT_THAT(both.bearer(std::string(jwt_bytes_max + 1, 'a'), noon).error().message, HasSubstr("malformed"));
    EXPECT_THAT(Authenticator().bearer("a.b.c", noon).error().message, HasSubstr("unknown"));
}

}  // namespace
}  // namespace vserd::access
