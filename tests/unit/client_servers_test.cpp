#include <gmock/gmock.h>

#include <cstdlib>

#include "vserctl/servers.hpp"

namespace vserctl {
namespace {

TEST(Servers, EveryKeyIsTakenOverAndRelativePathsAreThoseOfTheFile) {
    ::setenv("HOME", "/people/ann", 1);
    const auto servers = parse_servers(R"(
default = "lab"
[server.lab]
address = "lab7:50443"
ca = "lab/ca.crt"
cert = "~/ann.crt"
key = "/keys/ann.key"
tls_name = "lab7.example"
token_file = "lab/token"
[server.local]
address = "unix:/run/vserd/vserd.sock"
[fleet]
entry = ["lab7:50443", "lab8"]
hosts = "*.lab.example"
ca = "lab/ca.crt"
)",
                                       "/etc/vserctl/config.toml");

    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_EQ(servers->usual, "lab");
    const NamedServer* const lab = servers->find("lab");
    ASSERT_NE(lab, nullptr);
    EXPECT_EQ(lab->address, "lab7:50443");
    EXPECT_TRUE(lab->tls);
    EXPECT_EQ(lab->ca, "/etc/vserctl/lab/ca.crt");
    EXPECT_EQ(lab->cert, "/people/ann/ann.crt");
    EXPECT_EQ(lab->key, "/keys/ann.key");
    EXPECT_EQ(lab->tls_name, "lab7.example");
    EXPECT_EQ(lab->token_file, "/etc/vserctl/lab/token");
    ASSERT_NE(servers->find("local"), nullptr);
    EXPECT_FALSE(servers->find("local")->tls);
    EXPECT_EQ(servers->find("other"), nullptr);
    EXPECT_EQ(servers->fleet.entries, (std::vector<std::string>{"lab7:50443", "lab8"}));
    EXPECT_EQ(servers->fleet.hosts, std::vector<std::string>{"*.lab.example"});
    EXPECT_TRUE(servers->fleet.access.tls);
    EXPECT_EQ(servers->fleet.access.ca, "/etc/vserctl/lab/ca.crt");
}

struct Mistake {
    const char* name;
    const char* text;
    const char* told;
};

class ServersMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ServersMistake, IsToldWithItsPlace) {
    const auto servers = parse_servers(GetParam().text, "f");

    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().message, GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Servers, ServersMistake,
    testing::Values(
        Mistake{"unknown_key", "[server.lab]\naddress = \"lab\"\nadress = \"x\"",
                "f:3:1: 'adress' is not a key of [server.lab]: address, ca, cert, key, tls, tls_name, token_file"},
        Mistake{"unknown_table", "[servers.lab]\naddress = \"lab\"",
                "f:1:2: 'servers' is not known: the file has 'default', [server.NAME] and [fleet]"},
        Mistake{"fleet_without_entry", "[fleet]\ntls = true",
                "f:1:1: [fleet] needs 'entry': the addresses of bridges, or an etcd"},
        Mistake{"fleet_key", "[fleet]\nentry = \"lab\"\naddress = \"lab\"",
                "f:3:1: 'address' is not a key of [fleet]: entry, hosts, ca, cert, key, tls, token_file, etcd_ca, "
                "etcd_cert, etcd_key, etcd_tls_name, etcd_user, etcd_password_file, etcd_prefix"},
        Mistake{"fleet_entry", "[fleet]\nentry = [\"lab\", \"lab:x\"]",
                "f:2:9: the server 'lab:x' is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH"},
        Mistake{"misspelt_address", "[server.lab]\nadress = \"x\"",
                "f:2:1: 'adress' is not a key of [server.lab]: address, ca, cert, key, tls, tls_name, token_file"},
        Mistake{"no_address", "[server.lab]\ntls = true", "f:1:1: [server.lab] needs 'address'"},
        Mistake{"bad_address", "[server.lab]\naddress = \"lab:x\"",
                "f:2:11: the server 'lab:x' is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH"},
        Mistake{"wrong_type", "[server.lab]\naddress = 7", "f:2:11: 'address' must be a text that is not empty"},
        Mistake{"certificate_without_key", "[server.lab]\naddress = \"lab\"\ncert = \"c\"",
                "f:1:1: [server.lab] needs both 'cert' and 'key', or neither"},
        Mistake{"default_of_nobody", "default = \"lab\"",
                "f:1:11: 'default' names 'lab', but there is no [server.lab]"},
        Mistake{"name_of_an_address", "[server.\"lab:1\"]\naddress = \"lab\"",
                "f:1:9: 'lab:1' is not a name: use A-Z a-z 0-9 _ -"},
        Mistake{"the_first_of_two", "[server.lab]\naddress = \"\"\n[other]",
                "f:2:11: 'address' must be a text that is not empty"}),
    [](const auto& each) { return each.param.name; });

TEST(Servers, AnEtcdIsTheEntryOfAFleet) {
    const auto servers = parse_servers(R"(
[fleet]
entry = "etcds://etcd1,[::1]:23790"
etcd_ca = "lab/ca.crt"
etcd_password_file = "/keys/etcd"
etcd_user = "ann"
)",
                                       "/etc/vserctl/config.toml");

    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_EQ(servers->fleet.etcd.ca, "/etc/vserctl/lab/ca.crt");
    EXPECT_EQ(servers->fleet.etcd.password_file, "/keys/etcd");
    EXPECT_EQ(servers->fleet.etcd.user, "ann");
    EtcdOptions etcd;
    etcd.user = "bob";
    ASSERT_TRUE(complete_etcd(etcd, servers->fleet.etcd, servers->fleet.entries));
    EXPECT_EQ(etcd.user, "bob");
    EXPECT_EQ(etcd.password_file, "/keys/etcd");
    EXPECT_EQ(etcd.prefix, "/vserd/v1");
    ASSERT_EQ(etcd.members.size(), 2U);
    EXPECT_EQ(etcd.members[0].url, "etcds://etcd1:2379");
    EXPECT_EQ(etcd.members[1].address, "[::1]:23790");
    EXPECT_TRUE(etcd.members[1].tls);
}

TEST(Servers, OnlyAFileThatWasNamedMustExist) {
    const auto usual = read_servers("/no/such/config.toml", false);
    ASSERT_TRUE(usual);
    EXPECT_TRUE(usual->list.empty());

    EXPECT_FALSE(read_servers("/no/such/config.toml", true));
    EXPECT_FALSE(read_servers("/etc", false));
}

TEST(Servers, TheFileIsWhereXdgSays) {
    ::setenv("HOME", "/people/ann", 1);
    ::setenv("XDG_CONFIG_HOME", "/x", 1);
    EXPECT_EQ(servers_file(), "/x/vserctl/config.toml");
    ::unsetenv("XDG_CONFIG_HOME");
    EXPECT_EQ(servers_file(), "/people/ann/.config/vserctl/config.toml");
}

}  // namespace
}  // namespace vserctl
