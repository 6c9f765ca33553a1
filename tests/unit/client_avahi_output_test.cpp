#include <gtest/gtest.h>

#include <string>

#include "vserctl/avahi_output.hpp"

namespace vserctl {
namespace {

using Addresses = std::vector<std::string>;

/// Of avahi-browse 0.8, for a name with spaces, quotes, dots and ';', and a service without a TXT record.
constexpr const char* captured =
    R"(+;lo;IPv4;Labor\0327\059\032\034K\195\188che\034\.x;_vserd._tcp;local
+;lo;IPv4;plain;_vserd._tcp;local
=;lo;IPv4;Labor\0327\059\032\034K\195\188che\034\.x;_vserd._tcp;local;lab7.local;127.0.0.1;50051;"odd=a\"b\\c;d \195\169" "bridge=lab7" "tls=yes" "version=0.1.0"
=;lo;IPv4;plain;_vserd._tcp;local;lab7.local;127.0.0.1;50052;
)";

AvahiOutput parsed(const std::string& text) {
    AvahiOutput output;
    output.add(text);
    return output;
}

std::string resolved(const std::string& address, const std::string& texts, const std::string& name = "a") {
    return "=;eth0;IPv4;" + name + ";_vserd._tcp;local;lab7.local;" + address + ";50051;" + texts + "\n";
}

TEST(AvahiOutput, CapturedOutput) {
    AvahiOutput output;
    for (const char* byte = captured; *byte != '\0'; ++byte) output.add(std::string_view(byte, 1));
    const auto bridges = output.bridges();
    ASSERT_EQ(bridges.size(), 2U);
    EXPECT_EQ(output.ignored(), 0U);

    EXPECT_EQ(bridges[0].name, "Labor 7; \"Küche\".x");
    EXPECT_EQ(bridges[0].host, "lab7.local");
    EXPECT_EQ(bridges[0].port, 50051);
    EXPECT_EQ(bridges[0].addresses, Addresses{"127.0.0.1"});
    EXPECT_EQ(bridges[0].bridge, "lab7");
    EXPECT_EQ(bridges[0].version, "0.1.0");
    EXPECT_EQ(bridges[0].tls, true);
    EXPECT_EQ(bridges[1].name, "plain");
    EXPECT_EQ(bridges[1].bridge, "");
    EXPECT_EQ(bridges[1].tls, std::nullopt);
}

TEST(AvahiOutput, OneBridgeForAllItsAddresses) {
    const auto output = parsed(resolved("192.0.2.7", "") + resolved("2001:db8::7", "") + resolved("192.0.2.7", "") +
                               resolved("fe80::7", "") + resolved("192.0.2.8", "", "b"));
    const auto bridges = output.bridges();
    ASSERT_EQ(bridges.size(), 2U);
    EXPECT_EQ(bridges[0].addresses, (Addresses{"192.0.2.7", "2001:db8::7", "fe80::7%eth0"}));
    EXPECT_EQ(bridges[1].name, "b");
}

TEST(AvahiOutput, StrangeTextsAreNoTrouble) {
    for (const std::string texts :
         {"\"", "\"tls", "\"tls=\\", "\"tls=\\0", "\"tls=\\999\"", "tls=yes", "\"tls\"", "\"=\"", "\"tls=1\""}) {
        const auto bridges = parsed(resolved("192.0.2.7", texts)).bridges();
        ASSERT_EQ(bridges.size(), 1U) << texts;
        EXPECT_EQ(bridges[0].tls, std::nullopt) << texts;
    }
    EXPECT_EQ(parsed(resolved("192.0.2.7", "\"tls=no\" \"bridge=\\\"a\\\" \\\\b\"")).bridges()[0].bridge, "\"a\" \\b");
    EXPECT_EQ(parsed(resolved("192.0.2.7", "", "a\\")).bridges()[0].name, "a\\");
    EXPECT_EQ(parsed(resolved("192.0.2.7", "", "\\300\\04")).bridges()[0].name, "30004");
}

TEST(AvahiOutput, OtherLinesAreCounted) {
    for (const std::string line :
         {"", "=", "Failed to resolve", "=;eth0;IPv4;a;_vserd._tcp;local;h;1.2.3.4;50051",
          "=;eth0;IPv4;a;_ssh._tcp;local;h;1.2.3.4;22;", "=;eth0;IPv4;a;_vserd._tcp;local;h;1.2.3.4;0;",
          "=;eth0;IPv4;a;_vserd._tcp;local;h;1.2.3.4;65536;", "=;eth0;IPv4;a;_vserd._tcp;local;h;1.2.3.4;1x;",
          "=;eth0;IPv4;a;_vserd._tcp;local;;1.2.3.4;1;", "=;eth0;IPv4;a;_vserd._tcp;local;h;;1;"}) {
        const auto output = parsed(line + "\n");
        EXPECT_TRUE(output.bridges().empty()) << line;
        EXPECT_EQ(output.ignored(), 1U) << line;
    }
}

TEST(AvahiOutput, AFloodIsLimited) {
    AvahiOutput output;
    for (int number = 0; number < 1100; ++number) output.add(resolved("192.0.2.7", "", std::to_string(number)));
    for (int number = 0; number < 50; ++number) output.add(resolved("192.0.2." + std::to_string(number), "", "0"));
    output.add("=" + std::string(100'000, ';') + "\n");
    const auto bridges = output.bridges();
    EXPECT_EQ(bridges.size(), 1000U);
    EXPECT_EQ(bridges[0].addresses.size(), 16U);
    EXPECT_EQ(output.ignored(), 101U);
}

}  // namespace
}  // namespace vserctl
