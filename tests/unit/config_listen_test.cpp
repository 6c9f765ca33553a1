// [[port.listen]]: sockets that belong to a port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/limits.hpp"
#include "unit/config_problems.hpp"

namespace vserd::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A port with one listener, which begins in line 4.
std::string listener(const std::string& more, const std::string& address = "127.0.0.1:7") {
    return port("[[port.listen]]\naddress = \"" + address + "\"\n" + more);
}
const std::string raw = "protocol = \"raw\"\n";

const std::vector<Case> listen_cases{
    {"address_missing", port("[[port.listen]]\n" + raw), {"f:4:1: [[port.listen]] needs 'address'"}},
    {"address_bad",
     listener(raw, "7001"),
     {"f:5:11: 'address' in [[port.listen]]: '7001' has no port; write \"HOST:PORT\", \"[IPV6]:PORT\" or "
      "\"unix:/PATH\""}},
    {"address_twice",
     listener(raw) + "[[port.listen]]\naddress = \"127.0.0.1:7\"\n" + raw,
     {"f:9:11: address '127.0.0.1:7' is used already, by [[port.listen]] in line 5; give this listener another one"}},
    {"address_of_the_server",
     listener(raw, "127.0.0.1:50051"),
     {"f:5:11: address '127.0.0.1:50051' is used already, by 'listen' in [server]; give this listener another one"}},
    {"address_of_the_metrics",
     listener(raw, "127.0.0.1:9464"),
     {"f:5:11: address '127.0.0.1:9464' is used already, by 'metrics' in [server]; give this listener another one"}},
    {"address_overlaps_that_of_the_server",
     server("allow_insecure_remote = true") + listener(raw, "0.0.0.0:50051"),
     {"f:7:11: address '0.0.0.0:50051' is used already as '127.0.0.1:50051', by 'listen' in [server]; give this "
      "listener another one"}},
    {"protocol_has_no_default", listener(""), {"f:4:1: [[port.listen]] needs 'protocol': raw, telnet or rfc2217"}},
    {"protocol_unknown",
     listener("protocol = \"telent\""),
     {"f:6:12: 'protocol' in [[port.listen]] must be raw, telnet or rfc2217, not 'telent'; did you mean 'telnet'?"}},
    {"mode_unknown",
     listener(raw + "mode = \"rw\""),
     {"f:7:8: 'mode' in [[port.listen]] must be read-only, read-write or exclusive, not 'rw'"}},
    {"clients_zero",
     listener(raw + "clients_max = 0"),
     {"f:7:15: 'clients_max' in [[port.listen]] must be from 1 to 1024, not 0"}},
    {"clients_above",
     listener(raw + "clients_max = 1025"),
     {"f:7:15: 'clients_max' in [[port.listen]] must be from 1 to 1024, not 1025"}},
    {"remote_without_tls",
     listener(raw, "0.0.0.0:7"),
     {"f:5:11: '0.0.0.0:7' is reachable from other machines without TLS; configure [server.tls] and set tls = true "
      "here, or set allow_insecure_remote = true in [server]"}},
    {"remote_without_tls_of_its_own",
     "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n" + listener(raw, "0.0.0.0:7"),
     {"f:8:11: '0.0.0.0:7' is reachable from other machines without TLS; configure [server.tls] and set tls = true "
      "here, or set allow_insecure_remote = true in [server]"}},
    {"remote_without_rules",
     "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n" + listener(raw + "tls = true", "0.0.0.0:7"),
     {"f:8:11: '0.0.0.0:7' is reachable from other machines, and no rule says who may do what; add an "
      "[[access.rule]], or set allow_insecure_remote = true in [server]"}},
    {"tls_without_certificate",
     listener(raw + "tls = true"),
     {"f:5:11: 'tls' in [[port.listen]] needs a certificate: configure [server.tls]"}},
    {"tls_on_a_unix_socket",
     "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n" + listener(raw + "tls = true", "unix:/run/a"),
     {"f:8:11: 'tls' in [[port.listen]] is for TCP; 'unix:/run/a' is a Unix socket"}},
    {"role_without_access",
     listener(raw + "role = \"write\""),
     {"f:7:8: 'role' in [[port.listen]] needs [access]: without it everybody may do everything; 'mode' limits what "
      "clients may do"}},
    {"listen_as_in_server",
     port("listen = [\"127.0.0.1:7\"]"),
     {"f:4:11: 'listen' in [[port]] must be an array of tables, not a string"}},
};
INSTANTIATE_TEST_SUITE_P(PortListen, ConfigProblem, testing::ValuesIn(listen_cases),
                         [](const auto& i) { return i.param.name; });

TEST(ListenConfig, PortsHaveALimit) {
    std::string listeners;
    for (std::size_t i = 0; i < port_listen_max; ++i)
        listeners += "[[port.listen]]\naddress = \"127.0.0.1:0\"\nprotocol = \"raw\"\n";

    EXPECT_TRUE(parse(port(listeners), "f"));
    EXPECT_THAT(problems_of(port(listeners + "[[port.listen]]\naddress = \"[::1]:0\"\nprotocol = \"raw\"\n")),
                ElementsAre(HasSubstr("a port may have 16 of [[port.listen]]")));
}

TEST(ListenConfig, RemoteOnesAreAllowedWithTlsAndARuleOrWhenMeant) {
    const std::string tls = "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n";

    EXPECT_TRUE(parse(tls + one_rule + listener(raw + "tls = true", "0.0.0.0:7"), "f"));
    EXPECT_TRUE(parse(tls + "[access]\n" + listener(raw + "tls = true\nrole = \"read\"", "0.0.0.0:7"), "f"));
    EXPECT_TRUE(parse(server("allow_insecure_remote = true") + listener(raw, "0.0.0.0:7"), "f"));
}

}  // namespace
}  // namespace vserd::config
