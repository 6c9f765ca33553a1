// [fleet], and the addresses that it advertises.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/key_prefix.hpp"
#include "config/config.hpp"
#include "config/fleet_table.hpp"
#include "config/limits.hpp"
#include "config_problems.hpp"

namespace vserd::config {
namespace {

const std::string etcd = "[fleet]\netcd = [\"https://etcd1.example\"]\n";

FleetEntry fleet_of(const std::string& text) {
    const auto result = parse(text, "f");
    EXPECT_TRUE(result) << (result ? "" : to_string(result.error().front()));
    return result && result->fleet ? *result->fleet : FleetEntry{};
}

std::string problem_of(const std::string& text) {
    const auto result = parse(text, "f");
    return result ? std::string("no problem") : result.error().front().message;
}

Config with(const std::vector<std::string>& listen, const std::string& advertise = "") {
    Config config;
    config.listen = listen;
    config.fleet.emplace();
    config.fleet->advertise = advertise;
    return config;
}

TEST(ConfigFleet, IsOffUnlessTheTableIsThere) {
    EXPECT_FALSE(parse("", "f")->fleet);
    EXPECT_TRUE(parse(etcd, "f")->fleet);
}

TEST(ConfigFleet, HasDefaults) {
    const FleetEntry fleet = fleet_of(etcd);

    EXPECT_EQ(fleet.prefix, "/vserd/v1");
    EXPECT_EQ(fleet.ttl, std::chrono::seconds(15));
    EXPECT_EQ(fleet.bridge, "");
    ASSERT_EQ(fleet.etcd.size(), 1U);
    EXPECT_EQ(fleet.etcd[0].host, "etcd1.example");
    EXPECT_EQ(fleet.etcd[0].port, 2379);
    EXPECT_TRUE(fleet.etcd[0].tls);
}

TEST(ConfigFleet, TakesEndpointsOfEveryKind) {
    const FleetEntry fleet = fleet_of(
        "[fleet]\netcd = [\"http://127.0.0.1:2379\", \"https://[2001:db8::1]:4001\", \"https://[2001:db8::2]\"]\n");

    ASSERT_EQ(fleet.etcd.size(), 3U);
    EXPECT_TRUE(fleet.etcd[0].local);
    EXPECT_FALSE(fleet.etcd[0].tls);
    EXPECT_EQ(fleet.etcd[1].host, "2001:db8::1");
    EXPECT_EQ(fleet.etcd[1].port, 4001);
    EXPECT_EQ(fleet.etcd[2].port, 2379);
}

TEST(ConfigFleet, RejectsWhatIsNoEndpoint) {
    for (const char* text : {"etcd1:2379", "ftp://etcd1:2379", "https://", "https://etcd1:0", "https://etcd1:2379/v3",
                             "unix:/run/etcd", "https://etcd1:99999"}) {
        EXPECT_NE(problem_of(std::string("[fleet]\netcd = [\"") + text + "\"]\n").find("write \"https://HOST:PORT\""),
                  std::string::npos)
            << text;
    }
    EXPECT_NE(problem_of("[fleet]\n").find("[fleet] needs 'etcd'"), std::string::npos);
    EXPECT_NE(problem_of("[fleet]\netcd = [\"https://a\", \"https://a:2379\"]\n").find("twice"), std::string::npos);
}

TEST(ConfigFleet, ChecksTheEdgesOfItsLimits) {
    std::string many = "[fleet]\netcd = [";
    for (std::size_t i = 0; i < fleet_endpoints_max; ++i)
        many += "\"http://127.0.0.1:" + std::to_string(1000 + i) + "\",";
    EXPECT_EQ(problem_of(many + "]\n"), "no problem");
    EXPECT_NE(problem_of(many + "\"http://127.0.0.1:1\"]\n"), "no problem");
    for (const char* ttl : {"5s", "300s", "5min"})
        EXPECT_EQ(problem_of(etcd + "ttl = \"" + ttl + "\"\n"), "no problem") << ttl;
    for (const char* ttl : {"4999ms", "301s", "0s"})
        EXPECT_NE(problem_of(etcd + "ttl = \"" + ttl + "\"\n").find("from 5s to 5min"), std::string::npos) << ttl;
    const std::string longest(base::key_prefix_bytes_max - 1, 'a');
    EXPECT_EQ(problem_of(etcd + "prefix = \"/" + longest + "\"\n"), "no problem");
    EXPECT_NE(problem_of(etcd + "prefix = \"/a" + longest + "\"\n"), "no problem");
}

TEST(ConfigFleet, RejectsPrefixesAndNamesThatCannotBe) {
    for (const char* prefix : {"", "/", "vserd", "/vserd/", "/a//b", "/a b"})
        EXPECT_NE(problem_of(etcd + "prefix = \"" + prefix + "\"\n").find("'prefix' in [fleet] must begin with '/'"),
                  std::string::npos)
            << prefix;
    for (const char* bridge : {"", "a/b", "a b", "ä"})
        EXPECT_NE(problem_of(etcd + "bridge = \"" + bridge + "\"\n").find("'bridge' in [fleet] must be"),
                  std::string::npos)
            << bridge;
}

TEST(ConfigFleet, RejectsKeysThatDoNotFitTogether) {
    const std::string plain = "[fleet]\netcd = [\"http://127.0.0.1:2379\"]\n";
    EXPECT_NE(problem_of(etcd + "user = \"lab7\"\n").find("'user' in [fleet] needs 'password_file'"),
              std::string::npos);
    EXPECT_NE(problem_of(etcd + "password_file = \"/p\"\n").find("needs 'user'"), std::string::npos);
    EXPECT_NE(problem_of(etcd + "cert = \"/c\"\n").find("'cert' in [fleet] needs 'key'"), std::string::npos);
    EXPECT_NE(problem_of(plain + "ca = \"/c\"\n").find("needs an etcd with \"https://\""), std::string::npos);
    EXPECT_NE(problem_of(etcd + "ca = \"c\"\n").find("absolute path"), std::string::npos);
    EXPECT_EQ(problem_of(plain + "user = \"lab7\"\npassword_file = \"/p\"\n"), "no problem");
}

TEST(ConfigFleet, SendsNoPasswordWithoutEncryptionUnlessThatIsAllowed) {
    const std::string text = "[fleet]\netcd = [\"http://etcd1.example\"]\nuser = \"lab7\"\npassword_file = \"/p\"\n";

    EXPECT_NE(problem_of(text).find("without encryption; use \"https://\", or set allow_insecure_remote"),
              std::string::npos);
    EXPECT_EQ(problem_of(text + "[server]\nallow_insecure_remote = true\n"), "no problem");
}

TEST(ConfigFleet, RejectsAddressesToWhichNobodyCanConnect) {
    for (const char* address : {"0.0.0.0:50051", "[::]:50051"})
        EXPECT_NE(problem_of(etcd + "advertise = \"" + address + "\"\n").find("nobody can connect"), std::string::npos);
    for (const char* address : {"lab7", "lab7:0", "unix:/run/vserd/vserd.sock"})
        EXPECT_NE(problem_of(etcd + "advertise = \"" + address + "\"\n").find("'advertise' in [fleet] must be"),
                  std::string::npos)
            << address;
    EXPECT_NE(problem_of(etcd + "advertise_web = \"lab7:8443\"\n").find("must be the address of the page"),
              std::string::npos);
}

TEST(ConfigFleet, AdvertisesTheOneAddressThatOthersReach) {
    EXPECT_EQ(*advertised_address(with({"127.0.0.1:50051", "unix:/s", "192.0.2.7:50051"})), "192.0.2.7:50051");
    EXPECT_EQ(*advertised_address(with({"0.0.0.0:50051"}, "lab7:1")), "lab7:1");
    for (const auto& listen : std::vector<std::vector<std::string>>{
             {"127.0.0.1:50051"}, {"0.0.0.0:50051"}, {"192.0.2.7:0"}, {"192.0.2.7:1", "192.0.2.8:1"}, {"unix:/s"}}) {
        const auto address = advertised_address(with(listen));
        ASSERT_FALSE(address);
        EXPECT_NE(address.error().message.find("[fleet] needs 'advertise'"), std::string::npos);
    }
}

TEST(ConfigFleet, AdvertisesMetricsAndPageAsOthersSeeThem) {
    Config config = with({"0.0.0.0:50051"}, "lab7.example:50051");
    config.metrics = "0.0.0.0:9464";
    config.web.emplace();
    config.web->listen = {"127.0.0.1:8080", "[::]:8443"};
    config.web->tls = true;
    EXPECT_EQ(advertised_metrics(config), "lab7.example:9464");
    EXPECT_EQ(advertised_web(config), "https://lab7.example:8443");

    config.metrics = "127.0.0.1:9464";
    config.web->listen = {"127.0.0.1:8080"};
    EXPECT_EQ(advertised_metrics(config), "");
    EXPECT_EQ(advertised_web(config), "");

    config.fleet->advertise = "127.0.0.1:50051";  // a fleet on one machine
    EXPECT_EQ(advertised_metrics(config), "127.0.0.1:9464");

    config.fleet->advertise_metrics = "proxy.example:443";
    config.fleet->advertise_web = "https://proxy.example/lab7";
    EXPECT_EQ(advertised_metrics(config), "proxy.example:443");
    EXPECT_EQ(advertised_web(config), "https://proxy.example/lab7");
}

}  // namespace
}  // namespace vserd::config
