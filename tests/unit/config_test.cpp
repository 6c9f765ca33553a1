#include "config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/limits.hpp"
#include "unit/config_problems.hpp"

namespace vserd::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Config, EmptyTextGivesTheDefaults) {
    const auto result = parse("", "f");

    ASSERT_TRUE(result);
    EXPECT_THAT(result->listen, ElementsAre("127.0.0.1:50051"));
    EXPECT_EQ(result->metrics, "127.0.0.1:9464");
    EXPECT_EQ(result->engine, "auto");
    EXPECT_EQ(result->drain_limit, std::chrono::seconds{5});
    EXPECT_EQ(result->history_bytes_per_port, 1U << 20);
    EXPECT_TRUE(result->ports.empty());
}

TEST(Config, EveryKeyIsTakenOver) {
    const auto result = parse(R"(
[server]
listen = ["0.0.0.0:1", "[::1]:2", "unix:/run/x.sock"]
metrics = ""
metrics_tls = true
engine = "sigio"
allow_insecure_remote = true
streams_max = 7
drain_limit = "250ms"
state_dir = "/var/lib/vserd"
on_foreign_change = "restore"
log_level = "debug"
[server.tls]
certificate = "/c"
key = "/k"
client_ca = "/a"
client_certificates = "optional"
crl = "/r"
[history]
bytes_per_port = "64KiB"
[[port]]
name = "vser0"
description = "first"
labels = { rack = "3" }
device = "/dev/vser0"
baud = 9600
format = "7E2"
flow = "rtscts"
tx_queue_bytes = 4096
hangup_on_close = true
reopen_pts = true
[[port.listen]]
address = "127.0.0.1:7001"
protocol = "rfc2217"
mode = "exclusive"
replay = "4KiB"
clients_max = 3
tls = true
[[port.listen]]
address = "unix:/run/a"
protocol = "raw"
[[port]]
name = "b"
device = "sim:console"
format = "5N1.5/xonxoff"
)",
                              "f");

    ASSERT_TRUE(result) << to_string(result.error().front());
    Config want;
    want.listen = {"0.0.0.0:1", "[::1]:2", "unix:/run/x.sock"};
    want.metrics = "";
    want.metrics_tls = true;
    want.engine = "sigio";
    want.allow_insecure_remote = true;
    want.streams_max = 7;
    want.drain_limit = std::chrono::milliseconds{250};
    want.state_dir = "/var/lib/vserd";
    want.on_foreign_change = "restore";
    want.log_level = "debug";
    want.tls_certificate_file = "/c";
    want.tls_key_file = "/k";
    want.tls_client_ca_file = "/a";
    want.tls_client_certificates = "optional";
    want.tls_crl_file = "/r";
    want.history_bytes_per_port = 64 << 10;
    want.ports.resize(2);
    want.ports[0] = {"vser0",
                     "first",
                     {},
                     "/dev/vser0",
                     line::ValidSettings::of({9600, *line::parse_format("7E2/rtscts")}).value(),
                     4096,
                     true,
                     true,
                     false,
                     {}};
    want.ports[0].labels = {{"rack", "3"}};
    want.ports[0].listen = {{"127.0.0.1:7001", "rfc2217", "exclusive", 4096, 3, true}, {"unix:/run/a", "raw"}};
    want.ports[1].name = "b";
    want.ports[1].device = "sim:console";
    want.ports[1].settings = line::ValidSettings::of({115200, *line::parse_format("5N1.5/xonxoff")}).value();
    EXPECT_EQ(*result, want);
}

TEST(Config, ListenMayBeOneString) {
    const auto result = parse(server("listen = \"localhost:7\""), "f");

    ASSERT_TRUE(result);
    EXPECT_THAT(result->listen, ElementsAre("localhost:7"));
}

TEST_P(ConfigProblem, IsToldWithPlaceAndFix) { EXPECT_EQ(problems_of(GetParam().text), GetParam().problems); }

const std::vector<Case> key_cases{
    {"misspelt_key", port("bauds = 9600"), {"f:4:1: unknown key 'bauds' in [[port]]; did you mean 'baud'?"}},
    {"misspelt_section", "[sever]\n", {"f:1:2: unknown key 'sever' at the top level; did you mean 'server'?"}},
    {"unknown_key_like_none",
     "[history]\nxyzzy = 1\n",
     {"f:2:1: unknown key 'xyzzy' in [history]; known are bytes_per_port"}},
    {"port_written_as_one_table",
     "[port]\nname = \"a\"\n",
     {"f:1:1: there may be several of port: write [[port]], not [port]"}},
    {"port_as_number", "port = 3\n", {"f:1:8: 'port' at the top level must be an array of tables, not an integer"}},
    {"server_as_string", "server = \"x\"\n", {"f:1:10: 'server' at the top level must be a table, not a string"}},
    {"name_missing", "[[port]]\ndevice = \"sim:echo\"\n", {"f:1:1: [[port]] needs 'name'"}},
    {"device_missing", "[[port]]\nname = \"a\"\n", {"f:1:1: [[port]] needs 'device'"}},
    {"tls_without_key", "[server.tls]\ncertificate = \"/c\"\n", {"f:1:1: [server.tls] needs 'key'"}},
    {"syntax", "[server]\nmetrics = \n", {"f:2:11: Error while parsing key-value pair: expected value, saw '\\n'"}},
    {"key_twice",
     "[history]\nbytes_per_port = 4096\nbytes_per_port = 4096\n",
     {"f:3:18: Error while parsing key-value pair: cannot redefine existing integer 'bytes_per_port'"}},
};
INSTANTIATE_TEST_SUITE_P(Keys, ConfigProblem, testing::ValuesIn(key_cases), [](const auto& i) { return i.param.name; });

const std::vector<Case> server_cases{
    {"listen_wrong_type",
     server("listen = 5"),
     {"f:2:10: 'listen' in [server] must be a string or an array of strings, not an integer"}},
    {"listen_element_wrong_type",
     server("listen = [\"127.0.0.1:1\", 5]"),
     {"f:2:26: 'listen' in [server] must be a string or an array of strings, not an integer"}},
    {"listen_empty", server("listen = []"), {"f:2:10: 'listen' in [server] is empty: name at least one address"}},
    {"listen_twice",
     server("listen = [\"[::1]:1\", \"[::1]:1\"]"),
     {"f:2:22: 'listen' in [server] has '[::1]:1' twice"}},
    {"listen_overlaps",
     server("allow_insecure_remote = true\nlisten = [\"localhost:1\", \"0.0.0.0:1\"]"),
     {"f:3:26: 'listen' in [server] has '0.0.0.0:1' already, as 'localhost:1'; keep one of them"}},
    {"listen_without_port",
     server("listen = \"localhost\""),
     {"f:2:10: 'listen' in [server]: 'localhost' has no port; write \"HOST:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\""}},
    {"listen_remote_without_tls",
     server("listen = [\"127.0.0.1:1\", \"0.0.0.0:50051\"]"),
     {"f:2:26: '0.0.0.0:50051' is reachable from other machines without TLS; configure 'certificate' and 'key' in "
      "[server.tls], and an [[access.rule]], or set allow_insecure_remote = true in [server]"}},
    {"listen_remote_without_rules",
     server("listen = \"0.0.0.0:50051\"\n[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n[access]\ntokens = \"/t\""),
     {"f:2:10: '0.0.0.0:50051' is reachable from other machines and no rule says who may do what; add an "
      "[[access.rule]], or set allow_insecure_remote = true in [server]"}},
    {"metrics_on_unix_socket",
     server("metrics = \"unix:/x\""),
     {"f:2:11: 'metrics' in [server] must be \"HOST:PORT\", or \"\" for none: it is scraped over TCP"}},
    {"metrics_where_clients_are_served",
     server("listen = [\"127.0.0.1:5\"]\nmetrics = \"127.0.0.1:5\""),
     {"f:3:11: 'metrics' in [server] is also an address of 'listen'; give it its own port"}},
    {"metrics_overlap_where_clients_are_served",
     server("listen = [\"127.0.0.1:5\"]\nmetrics = \"[::]:5\""),
     {"f:3:11: 'metrics' in [server] is also an address of 'listen', '[::]:5' as '127.0.0.1:5'; give it its own port"}},
    {"clients_are_served_where_the_metrics_are_by_default",
     server("listen = [\"localhost:9464\"]"),
     {"f:1:1: 'metrics' in [server] is also an address of 'listen', '127.0.0.1:9464' as 'localhost:9464'; give it its "
      "own port"}},
    {"metrics_tls_without_certificate",
     server("metrics_tls = true"),
     {"f:2:15: 'metrics_tls' in [server] needs a certificate: configure [server.tls]"}},
    {"engine_misspelt",
     server("engine = \"iouring\""),
     {"f:2:10: 'engine' in [server] must be auto, io_uring, sigio, epoll or aio, not 'iouring'; did you mean "
      "'io_uring'?"}},
    {"log_level_unknown",
     server("log_level = \"chatty\""),
     {"f:2:13: 'log_level' in [server] must be trace, debug, info, warn or error, not 'chatty'"}},
    {"allow_not_boolean",
     server("allow_insecure_remote = \"yes\""),
     {"f:2:25: 'allow_insecure_remote' in [server] must be true or false, not a string"}},
    {"streams_zero", server("streams_max = 0"), {"f:2:15: 'streams_max' in [server] must be from 1 to 65536, not 0"}},
    {"streams_above",
     server("streams_max = 65537"),
     {"f:2:15: 'streams_max' in [server] must be from 1 to 65536, not 65537"}},
    {"streams_fraction",
     server("streams_max = 1.5"),
     {"f:2:15: 'streams_max' in [server] must be an integer, not a fraction"}},
    {"drain_without_unit",
     server("drain_limit = \"5\""),
     {"f:2:15: 'drain_limit' in [server]: '5' is not a duration; write a whole number with ms, s, min or h, such as "
      "\"5s\""}},
    {"keep_above",
     server("removed_ports_keep = \"169h\""),
     {"f:2:22: 'removed_ports_keep' in [server] must be at most 168h"}},
    {"drain_above", server("drain_limit = \"601s\""), {"f:2:15: 'drain_limit' in [server] must be at most 10m"}},
    {"drain_wrong_type",
     server("drain_limit = 5"),
     {"f:2:15: 'drain_limit' in [server] must be a string, not an integer"}},
    {"state_dir_relative",
     server("state_dir = \"state\""),
     {"f:2:13: 'state_dir' in [server] must be the absolute path of a directory, or \"\" for none"}},
    {"tls_crl_without_client_ca",
     "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\ncrl = \"/r\"\nclient_certificates = \"optional\"\n",
     {"f:1:1: 'crl' in [server.tls] needs 'client_ca'",
      "f:1:1: 'client_certificates' in [server.tls] needs 'client_ca'"}},
    {"tls_unknown_client_certificates",
     "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\nclient_ca = \"/a\"\nclient_certificates = \"optinal\"\n",
     {"f:5:23: 'client_certificates' in [server.tls] must be required or optional, not 'optinal'; did you mean "
      "'optional'?"}},
    {"tls_relative_path",
     "[server.tls]\ncertificate = \"c.pem\"\nkey = \"/k\"\n",
     {"f:2:15: 'certificate' in [server.tls] must be the absolute path of a PEM file"}},
    {"history_below",
     "[history]\nbytes_per_port = 4095\n",
     {"f:2:18: 'bytes_per_port' in [history] must be from 4KiB to 1GiB, not 4095 bytes"}},
    {"history_above",
     "[history]\nbytes_per_port = 1073741825\n",
     {"f:2:18: 'bytes_per_port' in [history] must be from 4KiB to 1GiB, not 1073741825 bytes"}},
    {"history_negative",
     "[history]\nbytes_per_port = -1\n",
     {"f:2:18: 'bytes_per_port' in [history] must be from 4KiB to 1GiB, not -1 bytes"}},
    {"history_bad_unit",
     "[history]\nbytes_per_port = \"1MB\"\n",
     {"f:2:18: 'bytes_per_port' in [history]: '1MB' is not a size; write a whole number with B, KiB, MiB or GiB, such "
      "as "
      "\"64KiB\""}},
    {"history_wrong_type",
     "[history]\nbytes_per_port = true\n",
     {"f:2:18: 'bytes_per_port' in [history] must be a size such as \"64KiB\", not a boolean"}},
};
INSTANTIATE_TEST_SUITE_P(Server, ConfigProblem, testing::ValuesIn(server_cases),
                         [](const auto& i) { return i.param.name; });

const std::vector<Case> port_cases{
    {"baud_zero", port("baud = 0"), {"f:4:8: 'baud' in [[port]] must be from 1 to 4294967295, not 0"}},
    {"baud_above",
     port("baud = 4294967296"),
     {"f:4:8: 'baud' in [[port]] must be from 1 to 4294967295, not 4294967296"}},
    {"baud_as_string", port("baud = \"9600\""), {"f:4:8: 'baud' in [[port]] must be an integer, not a string"}},
    {"flow_unknown",
     port("flow = \"hardware\""),
     {"f:4:8: 'flow' in [[port]] must be none, rtscts or xonxoff, not 'hardware'"}},
    {"flow_twice",
     port("format = \"8N1/rtscts\"\nflow = \"none\""),
     {"f:5:8: flow control is given twice in [[port]]: by 'format' and by 'flow'; keep one of them"}},
    {"name_with_space",
     "[[port]]\nname = \"a b\"\ndevice = \"sim:echo\"\n",
     {"f:2:8: 'name' in [[port]] must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'"}},
    {"name_twice", port("") + port(""), {"f:6:8: port 'a' is defined already, in line 2; give this one another name"}},
    {"device_relative",
     "[[port]]\nname = \"a\"\ndevice = \"ttyS0\"\n",
     {"f:3:10: 'device' in [[port]] must be an absolute path, a simulator such as \"sim:echo\" or an archive such as "
      "\"archive:/DIR\", not 'ttyS0'"}},
    {"device_bare_simulator",
     "[[port]]\nname = \"a\"\ndevice = \"sim:\"\n",
     {"f:3:10: 'device' in [[port]] must be an absolute path, a simulator such as \"sim:echo\" or an archive such as "
      "\"archive:/DIR\", not 'sim:'"}},
    {"device_misspelt_simulator",
     "[[port]]\nname = \"a\"\ndevice = \"sim:ecko\"\n",
     {"f:3:10: 'device' in [[port]]: 'sim:ecko' is not a simulated device: use sim:echo, sim:console, sim:esp or "
      "sim:replay"}},
    {"device_with_newline",
     "[[port]]\nname = \"a\"\ndevice = \"/dev/tty\\n\"\n",
     {"f:3:10: 'device' in [[port]] must be at most 4095 bytes without control characters"}},
    {"device_twice_in_other_spelling",
     "[[port]]\nname = \"a\"\ndevice = \"/dev/ttyS0\"\n[[port]]\nname = \"b\"\ndevice = \"/dev//./ttyS0\"\n",
     {"f:6:10: device '/dev//./ttyS0' is used already by port 'a' in line 3; a device can be held by one port only"}},
    {"description_of_two_lines",
     port("description = \"a\\nb\""),
     {"f:4:15: 'description' in [[port]] must be one line of at most 256 bytes"}},
    {"tx_queue_below",
     port("tx_queue_bytes = 1023"),
     {"f:4:18: 'tx_queue_bytes' in [[port]] must be from 1KiB to 64MiB, not 1023 bytes"}},
};
INSTANTIATE_TEST_SUITE_P(Port, ConfigProblem, testing::ValuesIn(port_cases),
                         [](const auto& i) { return i.param.name; });

TEST(Config, BadFormatShowsTheGrammar) {
    EXPECT_THAT(problems_of(port("format = \"9N1\"")), ElementsAre(HasSubstr("f:4:10: 'format' in [[port]]: ")));
}

TEST(Config, AllProblemsAreToldInTheOrderOfTheFile) {
    EXPECT_THAT(problems_of("[[port]]\nbauds = 1\n[server]\nstreams_max = 0\nengine = 4\n"),
                ElementsAre("f:1:1: [[port]] needs 'name'", "f:1:1: [[port]] needs 'device'",
                            "f:2:1: unknown key 'bauds' in [[port]]; did you mean 'baud'?",
                            "f:4:15: 'streams_max' in [server] must be from 1 to 65536, not 0",
                            "f:5:10: 'engine' in [server] must be a string, not an integer"));
}

TEST(Config, LimitsAreAllowedAtTheirEdges) {
    const std::string longest_name(name_bytes_max, 'n');
    const std::string longest_device = "/" + std::string(path_bytes_max - 1, 'd');
    for (const std::string& text :
         {port("baud = 1"), port("baud = 4294967295"), port("tx_queue_bytes = 1024"),
          port("tx_queue_bytes = \"64MiB\""), port("description = \"" + std::string(description_bytes_max, 'd') + "\""),
          "[[port]]\nname = \"" + longest_name + "\"\ndevice = \"sim:echo\"\n",
          "[[port]]\nname = \"a\"\ndevice = \"\"\"\\\n" + longest_device + "\"\"\"\n", server("streams_max = 1"),
          server("streams_max = 65536"), server("drain_limit = \"10m\""), server("removed_ports_keep = \"168h\""),
          server("removed_ports_keep = \"10min\""), server("removed_ports_keep = \"0s\""),
          server("drain_limit = \"0s\""), std::string("[history]\nbytes_per_port = 4096\n"),
          std::string("[history]\nbytes_per_port = \"1GiB\"\n")}) {
        EXPECT_THAT(problems_of(text), ElementsAre()) << text.substr(0, 200);
    }
}

TEST(Config, OneMoreThanALimitIsRefused) {
    EXPECT_THAT(
        problems_of("[[port]]\nname = \"" + std::string(name_bytes_max + 1, 'n') + "\"\ndevice = \"sim:echo\"\n"),
        ElementsAre(HasSubstr("must be 1 to 64 of")));
    EXPECT_THAT(problems_of(port("description = \"" + std::string(description_bytes_max + 1, 'd') + "\"")),
                ElementsAre(HasSubstr("must be one line of at most 256 bytes")));
    std::string many = "[server]\nlisten = [\n";
    for (std::size_t i = 0; i < listen_max; ++i) many += "\"localhost:" + std::to_string(i) + "\",\n";
    EXPECT_THAT(problems_of(many + "]\n"), ElementsAre());
    EXPECT_THAT(problems_of(many + "\"localhost:99\"]\n"),
                ElementsAre("f:2:10: 'listen' in [server] may have 16 entries, not 17"));
}

TEST(Config, MorePortsThanTheLimitAreRefused) {
    std::string text;
    for (std::size_t i = 0; i < ports_max; ++i) {
        text += "[[port]]\nname = \"p" + std::to_string(i) + "\"\ndevice = \"sim:echo\"\n";
    }

    EXPECT_THAT(problems_of(text), ElementsAre());
    EXPECT_THAT(problems_of(text + "[[port]]\nname = \"one-more\"\ndevice = \"sim:echo\"\n"),
                ElementsAre("f:12289:1: there are more than 4096 ports"));
}

TEST(Config, ProblemsAreBoundedAndTheRestIsCounted) {
    std::string text = "[server]\n";
    for (std::size_t i = 0; i < problems_max + 5; ++i) text += "zz" + std::to_string(i) + " = 1\n";

    const auto lines = problems_of(text);

    ASSERT_EQ(lines.size(), problems_max + 1);
    EXPECT_EQ(lines.back(), "f:101:1: and 5 more problems after this one");
}

TEST(Config, NestingThatWouldOverflowTheParserIsRefused) {
    std::string deep = "x";
    for (int i = 0; i < 400'000; ++i) deep += ".x";

    EXPECT_THAT(problems_of("\n" + deep + " = 1\n"), ElementsAre("f:2:8193: this line has more than 8192 bytes"));
    EXPECT_THAT(problems_of(deep.substr(0, line_bytes_max - 5) + " = 1\n"), ElementsAre(HasSubstr("unknown key 'x'")));
    EXPECT_FALSE(problems_of("x = " + std::string(100'000, '[')).empty());
}

TEST(Config, BytesThatAreNotTextAreRefused) {
    EXPECT_THAT(problems_of("[server]\nmetrics = \"\xff\xfe\"\n"), ElementsAre(HasSubstr("f:2:")));
    EXPECT_EQ(problems_of(std::string("\0\0\0", 3)).size(), 1U);
}

TEST(Config, RemoteListenIsAllowedWithTlsAndARuleOrWhenMeant) {
    EXPECT_THAT(problems_of(server("listen = \"0.0.0.0:1\"\nallow_insecure_remote = true")), ElementsAre());
    EXPECT_THAT(
        problems_of(server("listen = \"0.0.0.0:1\"\n[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n" + one_rule)),
        ElementsAre());
}

TEST(Config, SimulatorsMayServeSeveralPorts) {
    EXPECT_THAT(
        problems_of("[[port]]\nname = \"a\"\ndevice = \"sim:echo\"\n[[port]]\nname = \"b\"\ndevice = \"sim:echo\"\n"),
        ElementsAre());
}

TEST(Config, DemoNeedsNoDevice) {
    const Config config = demo();

    std::vector<std::string> names;
    for (const PortEntry& entry : config.ports) {
        names.push_back(entry.name);
        EXPECT_TRUE(entry.device.starts_with("sim:"));
        EXPECT_FALSE(entry.description.empty());
    }
    EXPECT_THAT(names, ElementsAre("console", "echo", "fast", "slow"));
    EXPECT_THAT(config.listen, ElementsAre("127.0.0.1:50051"));
}

}  // namespace
}  // namespace vserd::config
