#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "access/certificate_names.hpp"

namespace vserd::access {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> uris(std::vector<std::string> list) {
    return identity_names({.uris = std::move(list)}, false);
}
std::vector<std::string> dns(std::vector<std::string> list) {
    return identity_names({.dns_names = std::move(list)}, false);
}

TEST(CertificateNames, UrisAndDnsNamesBecomeNames) {
    EXPECT_THAT(
        identity_names({.uris = {"spiffe://lab/ci"}, .dns_names = {"A.Example"}, .common_names = {"ann"}}, false),
        ElementsAre("cert:spiffe://lab/ci", "cert:a.example"));
}

TEST(CertificateNames, TheCommonNameOnlyOnRequest) {
    EXPECT_THAT(identity_names({.common_names = {"Ann B."}}, true), ElementsAre("cert:CN=Ann B."));
    EXPECT_THAT(identity_names({.common_names = {"Ann B."}}, false), IsEmpty());
    EXPECT_THAT(identity_names({.common_names = {"ann", "root"}}, true), IsEmpty());
    for (const std::string& name : {std::string("a\0b", 3), std::string("a*"), std::string("\u00e4"), std::string(),
                                    std::string("a\n"), std::string(65, 'a')}) {
        EXPECT_THAT(identity_names({.common_names = {name}}, true), IsEmpty()) << name;
    }
}

TEST(CertificateNames, NamesThatCanBeReadInTwoWaysAreLeftOut) {
    for (const std::string& name :
         {std::string("good.example\0.evil", 18), std::string("*.example"), std::string("a?.example"),
          std::string("b\u00fc.example"), std::string("a b"), std::string("a\n"), std::string(), std::string("CN=root"),
          std::string("spiffe://lab/ci"), std::string("a:b"), std::string(254, 'a')}) {
        EXPECT_THAT(dns({name}), IsEmpty()) << name;
    }
    for (const std::string& name :
         {std::string("spiffe://lab/ci\0x", 17), std::string("spiffe://lab/*"), std::string("spiffe://lab/\u00e9"),
          std::string("spiffe://lab/a b"), std::string("spiffe://lab/a\x7f"), std::string("spiffe://lab/../x"),
          std::string("spiffe://lab/."), std::string("a.example"), std::string("CN=root:x"), std::string(":x"),
          std::string(), std::string("1a:b"), "a:" + std::string(2047, 'a')}) {
        EXPECT_THAT(uris({name}), IsEmpty()) << name;
    }
    EXPECT_THAT(uris({"spiffe://lab/*", "urn:x"}), ElementsAre("cert:urn:x"));
}

TEST(CertificateNames, HaveALimit) {
    EXPECT_EQ(dns(std::vector<std::string>(certificate_names_max + 1, "a")).size(), certificate_names_max);
}

/// A certificate with these SANs, unsigned, in DER.
std::string certificate(const std::vector<std::pair<int, std::string>>& alternative_names,
                        const std::string& common_name) {
    const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    GENERAL_NAMES* names = GENERAL_NAMES_new();
    for (const auto& [type, text] : alternative_names) {
        ASN1_IA5STRING* value = ASN1_IA5STRING_new();
        ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
        GENERAL_NAME* name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, type, value);
        sk_GENERAL_NAME_push(names, name);
    }
    X509_add1_ext_i2d(made.get(), NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    X509_set_pubkey(made.get(), key.get());
    X509_sign(made.get(), key.get(), EVP_sha256());
    unsigned char* der = nullptr;
    const int size = i2d_X509(made.get(), &der);
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

TEST(CertificateNames, AreReadFromDer) {
    const auto names = names_in_der(certificate({{GEN_URI, "spiffe://lab/ci"},
                                                 {GEN_DNS, std::string("good.example\0.evil", 18)},
                                                 {GEN_EMAIL, "ann@example.com"},
                                                 {GEN_DNS, "b.example"}},
                                                "J\u00fcrgen"));

    EXPECT_THAT(names.uris, ElementsAre("spiffe://lab/ci"));
    EXPECT_THAT(names.dns_names, ElementsAre(std::string("good.example\0.evil", 18), "b.example"));
    EXPECT_THAT(names.common_names, ElementsAre("J\u00fcrgen"));
    EXPECT_THAT(identity_names(names, true), ElementsAre("cert:spiffe://lab/ci", "cert:b.example"));
}

TEST(CertificateNames, OfWhatIsNotACertificateAreNone) {
    for (const char* text : {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
        EXPECT_THAT(identity_names(names_in_der(text), true), IsEmpty());
        EXPECT_THAT(identity_names(names_in_pem(text), true), IsEmpty());
    }
}

}  // namespace
}  // namespace vserd::access
