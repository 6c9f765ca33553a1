#include "import/import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.hpp"

namespace vserd::importing {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

Environment here() {
    return {.host_name = "lab7", .check_address = [](const std::string& address) -> Result<void> {
                if (address.starts_with("no-such-host")) return Error{Failure::io, 0, {}, "does not resolve"};
                return {};
            }};
}

/// The result as TOML, which vserd's own parser has accepted; or "f:LINE:COLUMN: message".
std::string imported(std::string_view text, Format format) {
    const auto document = import_text(text, "f", format, here());
    if (!document) return to_string(document.error());
    const std::string toml = to_toml(*document);
    const auto parsed = config::parse(toml, "result");
    if (!parsed) ADD_FAILURE() << to_string(parsed.error().front()) << "\n" << toml;
    return toml;
}

config::Config config_of(const std::string& text, Format format) {
    const auto parsed = config::parse(imported(text, format), "result");
    if (parsed) return *parsed;
    ADD_FAILURE() << to_string(parsed.error().front());
    return {};
}

/// A connection of ser2net.yaml with these ends and more lines.
std::string connection(const std::string& accepter, const std::string& connector, const std::string& more = "") {
    return "connection: &c1\n  accepter: " + accepter + "\n  connector: " + connector + "\n" + more;
}

config::PortEntry port_of(const std::string& accepter, const std::string& connector, const std::string& more = "") {
    const auto config = config_of(connection(accepter, connector, more), Format::ser2net_yaml);
    if (config.ports.size() == 1) return config.ports.front();
    ADD_FAILURE() << config.ports.size() << " ports";
    return {};
}

std::string yaml(const std::string& text) { return imported(text, Format::ser2net_yaml); }
std::string conserver(const std::string& text) { return imported(text, Format::conserver); }

TEST(ImportSer2net, ConnectionBecomesAPortWithAListener) {
    const auto port = port_of("tcp,localhost,2000", "serialdev,/dev/ttyS0,9600e72,local,rtscts");

    EXPECT_EQ(port.name, "c1");
    EXPECT_EQ(port.device, "/dev/ttyS0");
    EXPECT_EQ(port.settings.get().baud, 9600U);
    EXPECT_EQ(line::to_string(port.settings.get().format), "7E2/rtscts");
    ASSERT_THAT(port.listen, SizeIs(1));
    EXPECT_EQ(port.listen[0].address, "localhost:2000");
    EXPECT_EQ(port.listen[0].protocol, "raw");
    EXPECT_EQ(port.listen[0].clients_max, 1U);
}

TEST(ImportSer2net, AccepterLayersGiveProtocolAndAddress) {
    const std::string device = "serialdev,/dev/ttyS0,local";

    EXPECT_EQ(port_of("telnet(rfc2217),tcp,localhost,3001", device).listen[0].protocol, "rfc2217");
    EXPECT_EQ(port_of("telnet(rfc2217=false),tcp,localhost,3001", device).listen[0].protocol, "telnet");
    EXPECT_EQ(port_of("telnet,tcp,localhost,3001", device).listen[0].protocol, "telnet");
    EXPECT_EQ(port_of("tcp,3001", device).listen[0].address, "[::]:3001");
    EXPECT_EQ(port_of("tcp,ipv4,0.0.0.0,3001", device).listen[0].address, "0.0.0.0:3001");
    EXPECT_EQ(port_of("tcp(readbuf=10),\"::1\",3001", device).listen.size(), 0U);
    EXPECT_EQ(port_of("tcp,::1,3001", device).listen[0].address, "[::1]:3001");
    EXPECT_EQ(port_of("unix,/run/x", device).listen[0].address, "unix:/run/x");
}

TEST(ImportSer2net, ListenerForOtherMachinesNeedsTheKeyThatAllowsIt) {
    EXPECT_TRUE(config_of(connection("tcp,3000", "serialdev,/dev/a"), Format::ser2net_yaml).allow_insecure_remote);
    EXPECT_FALSE(
        config_of(connection("tcp,localhost,3000", "serialdev,/dev/a"), Format::ser2net_yaml).allow_insecure_remote);
}

TEST(ImportSer2net, TlsListenerIsACommentUntilThereIsACertificate) {
    const std::string toml = yaml(connection("telnet,ssl(key=/k,cert=/c),tcp,3000", "serialdev,/dev/a"));

    EXPECT_THAT(toml, HasSubstr("# address = \"[::]:3000\"\n# protocol = \"telnet\""));
    EXPECT_THAT(toml, HasSubstr("# tls = true"));
    EXPECT_THAT(toml, HasSubstr("# [server.tls]"));
    EXPECT_THAT(toml, HasSubstr("key=/k"));
    EXPECT_THAT(toml, Not(HasSubstr("allow_insecure_remote")));
}

TEST(ImportSer2net, DefaultsActOnWhatFollowsThem) {
    const auto config =
        config_of(connection("tcp,localhost,1", "serialdev,/dev/a,local") +
                      "default:\n  name: speed\n  value: 115200n81\n  class: serialdev\n"
                      "default:\n  name: max-connections\n  value: 3\n  class: ser2net\n"
                      "connection: &c2\n  accepter: tcp,localhost,2\n  connector: serialdev,/dev/b,local\n"
                      "delete_default:\n  name: speed\n  class: serialdev\n"
                      "connection: &c3\n  accepter: tcp,localhost,3\n  connector: serialdev,/dev/c,local\n",
                  Format::ser2net_yaml);

    ASSERT_THAT(config.ports, SizeIs(3));
    EXPECT_EQ(config.ports[0].settings.get().baud, 9600U);
    EXPECT_EQ(config.ports[1].settings.get().baud, 115200U);
    EXPECT_EQ(config.ports[1].listen[0].clients_max, 3U);
    EXPECT_EQ(config.ports[2].settings.get().baud, 9600U);
}

TEST(ImportSer2net, DefinitionsAreInsertedByBothOfItsNotations) {
    const auto config =
        config_of("define: &base /dev/serial\ndefine: &full \"*(base)/by-id/x\"\n" +
                      connection("tcp,localhost,1", "serialdev,*(full)-port0,local", "  options:\n    banner: *full\n"),
                  Format::ser2net_yaml);

    EXPECT_EQ(config.ports.at(0).device, "/dev/serial/by-id/x-port0");
    EXPECT_THAT(yaml(connection("tcp,localhost,1", "serialdev,/dev/a", "  options:\n    banner: 'a *(* b'\n")),
                HasSubstr("# f:5: banner: a *( b: vserd sends no banner"));
}

TEST(ImportSer2net, SecondConnectionToADeviceGivesTheFirstPortAListener) {
    const std::string text =
        connection("tcp,localhost,1", "serialdev,/dev/a,9600n81,local") +
        "connection: &c2\n  accepter: tcp,localhost,2\n  connector: serialdev,/dev/../dev/a,19200n81,local\n";

    EXPECT_THAT(config_of(text, Format::ser2net_yaml).ports, SizeIs(1));
    EXPECT_THAT(config_of(text, Format::ser2net_yaml).ports.at(0).listen, SizeIs(2));
    EXPECT_THAT(yaml(text), HasSubstr("'c2' is on the same device"));
    EXPECT_THAT(yaml(text), HasSubstr("it had 19200 8N1 here"));
}

TEST(ImportSer2net, AddressThatVserdCannotUseIsACommentWithTheReason) {
    const std::string other = "connection: &c2\n  accepter: tcp,localhost,1\n  connector: serialdev,/dev/b,local\n";

    EXPECT_THAT(yaml(connection("tcp,localhost,1", "serialdev,/dev/a,local") + other),
                HasSubstr("another listener uses"));
    EXPECT_THAT(yaml(connection("tcp,127.0.0.1,50051", "serialdev,/dev/a,local")), HasSubstr("vserd itself"));
    EXPECT_THAT(yaml(connection("tcp,0.0.0.0,50051", "serialdev,/dev/a,local")),
                HasSubstr("vserd itself uses 127.0.0.1:50051; choose another address"));
    EXPECT_THAT(yaml(connection("tcp,no-such-host,1", "serialdev,/dev/a,local")), HasSubstr("does not resolve"));
    EXPECT_THAT(yaml(connection("tcp,localhost,99999", "serialdev,/dev/a,local")), HasSubstr("must be a number"));
}

TEST(ImportSer2net, DisabledConnectionIsAComment) {
    const std::string toml = yaml(connection("tcp,localhost,1", "serialdev,/dev/a,local", "  enable: off\n"));

    EXPECT_THAT(toml, HasSubstr("# [[port]]\n# name = \"c1\""));
    EXPECT_THAT(toml, HasSubstr("# address = \"localhost:1\""));
}

TEST(ImportSer2net, OptionsThatVserdHas) {
    const std::string device = "serialdev,/dev/a,local,hangup-when-done";

    EXPECT_TRUE(port_of("tcp,localhost,1", device).hangup_on_close);
    EXPECT_EQ(port_of("tcp,localhost,1", device, "  options:\n    no-acc-to-con: true\n").listen[0].mode, "read-only");
    EXPECT_EQ(port_of("tcp,localhost,1", device, "  options:\n    max-connections: 5\n").listen[0].clients_max, 5U);
    EXPECT_EQ(port_of("tcp,localhost,1", device, "  options:\n    kickolduser: true\n").listen[0].clients_max, 16U);
    EXPECT_EQ(port_of("tcp,localhost,1", "echo").device, "sim:echo");
}

TEST(ImportSer2net, WhatHasNoEquivalentIsAComment) {
    EXPECT_THAT(yaml("rotator: &r\n  accepter: tcp,1\n  connections: [ *a, *b ]\n"), HasSubstr("# f:1: rotator 'r'"));
    EXPECT_THAT(yaml(connection("tcp,1", "telnet,tcp,otherhost,23")), HasSubstr("connection 'c1': connector"));
    EXPECT_THAT(yaml(connection("telnet,mux,certauth,ssl,tcp,1", "serialdev,/dev/a")), HasSubstr("mux: use"));
    EXPECT_THAT(yaml(connection("tcp,localhost,1", "serialdev,/dev/a", "  timeout: 60\n")), HasSubstr("idle clients"));
    EXPECT_THAT(yaml("include: /etc/more/*.yaml\n"), HasSubstr("import that file too"));
    EXPECT_THAT(yaml(connection("tcp,localhost,1", "serialdev,/dev/a", "  trace-read: /x\n")),
                HasSubstr("trace-read: /x"));
}

TEST(ImportSer2net, MistakesAreNamedWithTheirPlace) {
    EXPECT_EQ(yaml("conection: &a\n"),
              "f:1:1: unknown key 'conection'; ser2net.yaml has connection, define, include, "
              "default, delete_default, rotator, admin and led");
    EXPECT_THAT(yaml("connection: &a\n  accepter: tcp,1\n"), HasSubstr("f:1:13: a connection needs 'connector'"));
    EXPECT_THAT(yaml("connection:\n  accepter: tcp,1\n"), HasSubstr("a connection needs a name"));
    EXPECT_THAT(yaml("connection: &a\n  accepter: *b\n  connector: echo\n"), HasSubstr("f:2:13: '*b' is not defined"));
    EXPECT_THAT(yaml("connection: &a\n  accepter: \"tcp,1\n"), testing::StartsWith("f:"));
    EXPECT_THAT(yaml(connection("tcp,1", "serialdev,/dev/a,fast")), HasSubstr("serial option 'fast'"));
    EXPECT_THAT(yaml(connection("tcp,1", "serialdev,/dev/a,9600x81")), HasSubstr("f:3:14: '9600x81' is not a speed"));
    EXPECT_THAT(yaml(connection("tcp(a,1", "serialdev,/dev/a")), HasSubstr("does not close its parenthesis"));
    EXPECT_THAT(yaml(connection("tcp,a,b,c", "serialdev,/dev/a")), HasSubstr("is not 'tcp,PORT'"));
    EXPECT_THAT(yaml(std::string(100, '[')), HasSubstr("more than 16 levels"));
    EXPECT_THAT(yaml(""), HasSubstr("the file is empty"));
    EXPECT_THAT(imported(std::string_view(), Format::ser2net_yaml), HasSubstr("the file is empty"));
}

TEST(ImportSer2net, NamesAreMadeValidAndUnique) {
    const std::string text = connection("tcp,localhost,1", "serialdev,/dev/a,local") +
                             "connection: &c1\n  accepter: tcp,localhost,2\n  connector: serialdev,/dev/b,local\n";

    const auto config = config_of(text, Format::ser2net_yaml);

    ASSERT_THAT(config.ports, SizeIs(2));
    EXPECT_EQ(config.ports[1].name, "c1-2");
}

TEST(ImportOldSer2net, LinesBecomePorts) {
    const auto config = config_of(
        "# comment\nBANNER:b:hello\n3000:telnet:600:/dev/ttyS0:9600 7DATABITS EVEN 2STOPBITS LOCAL remctl\n"
        "::1,3001:raw:0:/dev/ttyS1:115200 XONXOFF\nlocalhost,3002:off:0:/dev/ttyS2:300\n",
        Format::ser2net_conf);

    ASSERT_THAT(config.ports, SizeIs(2));
    EXPECT_EQ(config.ports[0].name, "ttyS0");
    EXPECT_EQ(line::to_string(config.ports[0].settings.get().format), "7E2");
    EXPECT_EQ(config.ports[0].listen[0].protocol, "rfc2217");
    EXPECT_EQ(config.ports[1].listen[0].address, "[::1]:3001");
    EXPECT_EQ(line::to_string(config.ports[1].settings.get().format), "8N1/xonxoff");
    const auto commas = config_of(
        "3000:raw:0:/dev/ttyS0:9600,7DATABITS,EVEN,2STOPBITS remctl\n"
        "fe80::1,3001:raw:0:/dev/ttyS1:9600, NONE\n0.0.0.0,3002:raw:0:/dev/ttyS2:9600,LOCAL\n",
        Format::ser2net_conf);
    ASSERT_THAT(commas.ports, SizeIs(3));
    EXPECT_EQ(line::to_string(commas.ports[0].settings.get().format), "7E2");
    EXPECT_EQ(commas.ports[0].listen[0].address, "[::]:3000");
    EXPECT_EQ(commas.ports[1].listen[0].address, "[fe80::1]:3001");
    EXPECT_EQ(commas.ports[2].listen[0].address, "0.0.0.0:3002");
    EXPECT_THAT(imported("3000:telnet", Format::ser2net_conf), HasSubstr("f:1:1: expected PORT:STATE"));
}

TEST(ImportConserver, ConsoleOnADeviceBecomesAPort) {
    const auto config = config_of(
        "console a { master localhost; type device; device /dev/ttyS0; baud 19200; parity even; "
        "options !ixon,!ixoff,cstopb,hupcl; motd \"Rack 3; top\"; rw *; }",
        Format::conserver);

    ASSERT_THAT(config.ports, SizeIs(1));
    EXPECT_EQ(config.ports[0].device, "/dev/ttyS0");
    EXPECT_EQ(config.ports[0].settings.get().baud, 19200U);
    EXPECT_EQ(line::to_string(config.ports[0].settings.get().format), "7E2");
    EXPECT_EQ(config.ports[0].description, "Rack 3; top");
    EXPECT_TRUE(config.ports[0].hangup_on_close);
}

TEST(ImportConserver, DefaultsAreIncludedAndReplaced) {
    const auto config = config_of(
        "default * { baud 300; type device; master localhost; }\n"
        "default fast { baud 115200; options crtscts; }\n"
        "console a { device /dev/a; }\n"
        "console b { include fast; device /dev/b; }\n"
        "default * { baud 1200; type device; }\n"
        "console c { device /dev/c; }\n",
        Format::conserver);

    ASSERT_THAT(config.ports, SizeIs(3));
    EXPECT_EQ(config.ports[0].settings.get().baud, 300U);
    EXPECT_EQ(line::to_string(config.ports[0].settings.get().format), "8N1/xonxoff");
    EXPECT_EQ(config.ports[1].settings.get().baud, 115200U);
    EXPECT_EQ(line::to_string(config.ports[1].settings.get().format), "8N1/rtscts");
    EXPECT_EQ(config.ports[2].settings.get().baud, 1200U);
}

TEST(ImportConserver, SubstitutionsComputeTheDevice) {
    const auto device = [](const std::string& rules) {
        return config_of("console web { type device; device /dev/tty.; devicesubst " + rules +
                             "; host h; replstring r; portbase 10; portinc 2; port 17; baud 9600; }",
                         Format::conserver)
            .ports.at(0)
            .device;
    };

    EXPECT_EQ(device(".=Pd"), "/dev/tty44");
    EXPECT_EQ(device(".=P04x"), "/dev/tty002c");
    EXPECT_EQ(device(".=pA"), "/dev/ttyH");
    EXPECT_EQ(device(".=cs"), "/dev/ttyweb");
    EXPECT_THAT(conserver("console a { type device; device /dev/x; devicesubst .=; }"),
                HasSubstr("is not a substitution"));
}

TEST(ImportConserver, OtherTypesAndMastersAreComments) {
    EXPECT_THAT(conserver("console a { type host; host ts1; portbase 2000; portinc 100; port 2; }"),
                HasSubstr("this one is ts1:2200"));
    EXPECT_THAT(conserver("console a { type exec; exec ssh host; }"), HasSubstr("console 'a' of type exec"));
    EXPECT_THAT(conserver("console a { type device; device /dev/a; master other; }"),
                HasSubstr("# device = \"/dev/a\""));
    for (const char* name : {"lab7", "lab7.example.org", "LAB7"}) {
        EXPECT_THAT(conserver(std::string("console a { type device; device /dev/a; master ") + name + "; }"),
                    HasSubstr("\ndevice = \"/dev/a\""))
            << name;
    }
    EXPECT_THAT(conserver("console a { type device; device /dev/a; master lab70.example.org; }"),
                HasSubstr("# device = \"/dev/a\""));
}

TEST(ImportConserver, QuotesCommentsAndIncludesAreRead) {
    const auto config = config_of(
        "\"defa\"ult my\\ defs { ty\\pe device; \"device\" /dev/a; }\n"
        "console a { in\\clude \"my defs\"  ; }\n",
        Format::conserver);
    EXPECT_EQ(config.ports.at(0).device, "/dev/a");
    EXPECT_THAT(conserver("#include /etc/more.cf\n"), HasSubstr("# f:1: #include /etc/more.cf: put the contents"));
    EXPECT_THAT(conserver("console a { type device; # why\n device \"/dev/a b\"; }"),
                HasSubstr("device = \"/dev/a b\""));
}

TEST(ImportConserver, MistakesAreNamedWithTheirPlace) {
    EXPECT_THAT(conserver("console a {\n  type device"), HasSubstr("f:2:14: expected ';' after the value of 'type'"));
    EXPECT_THAT(conserver("console a {\n  type device;"), HasSubstr("f:1:1: the block 'a' is not closed"));
    EXPECT_THAT(conserver("console a { type device; device /d; bude 3; }"),
                HasSubstr("f:1:37: unknown keyword 'bude'"));
    EXPECT_THAT(conserver("console a { include x; }"), HasSubstr("f:1:13: the default 'x' is not defined above"));
    EXPECT_THAT(conserver("consoles a { }"), HasSubstr("f:1:1: unknown block 'consoles'"));
    EXPECT_THAT(conserver("console a { type device; device \"/d; }"),
                HasSubstr("f:1:33: the double quote is not closed"));
    EXPECT_THAT(conserver("console a { type device; device /d; baud x; }"), HasSubstr("baud: 'x' is not a number"));
}

TEST(Import, HostileTextCannotLeaveItsComment) {
    const std::string toml =
        conserver("console a { type device; device /dev/a; idlestring \"x\n[[port]]\n\x01\xff\"; }");

    EXPECT_THAT(toml, Not(HasSubstr("\n[[port]]\n\x01")));
    EXPECT_THAT(conserver("console a { type device; device \"/dev/a\n\"; }"), HasSubstr("# [[port]]"));
    EXPECT_THAT(imported(std::string("::1\0,3001:raw:0:/dev/a:9600\n", 25), Format::ser2net_conf),
                HasSubstr("the address is not a text"));
    EXPECT_THAT(yaml(connection("tcp,localhost,1", "serialdev,/dev/a\\\"b,local")),
                HasSubstr(R"(device = "/dev/a\\\"b")"));
}

TEST(Import, FormatIsFoundByNameOrByContents) {
    EXPECT_EQ(format_of("x.yaml", ""), Format::ser2net_yaml);
    EXPECT_EQ(format_of("x.cf", ""), Format::conserver);
    EXPECT_EQ(format_of("x", "# c\n%YAML 1.1\n"), Format::ser2net_yaml);
    EXPECT_EQ(format_of("ser2net.conf", "\n2000:raw:0:/dev/ttyS0:9600\n"), Format::ser2net_conf);
    EXPECT_EQ(format_of("x", "default full { rw *; }"), Format::conserver);
    EXPECT_EQ(format_of("x", "hello"), std::nullopt);
}

}  // namespace
}  // namespace vserd::importing
