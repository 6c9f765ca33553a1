#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "integration/vserctl_support.hpp"
#include "support/vserd_process.hpp"

namespace vserd::test {
namespace {

using testing::HasSubstr;

/// A CA with a server's and a client's certificate, and a CA that nobody knows.
class Certificates {
public:
    Certificates() {
        make_ca("ca");
        make_ca("stranger");
        make_leaf("server");
        make_leaf("client");
    }

    std::string file(const std::string& name) const { return folder_.path() / name; }

private:
    void openssl(const std::string& arguments) const {
        const std::string command = "cd " + folder_.path().string() + " && openssl " + arguments + " >openssl.log 2>&1";
        if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: openssl " + arguments);
    }
    void make_ca(const std::string& name) const {
        openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
                " -keyout " + name + ".key -out " + name + ".crt");
    }
    void make_leaf(const std::string& name) const {
        openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name + " -keyout " + name +
                ".key -out " + name + ".csr");
        std::ofstream(file(name + ".ext")) << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
        openssl("x509 -req -days 2 -in " + name + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile " + name +
                ".ext -out " + name + ".crt");
    }

    ScratchFolder folder_;
};

class VserctlTls : public testing::Test {
protected:
    std::string tls_table(const std::string& more = {}) const {
        return "[server.tls]\ncertificate = \"" + certificates.file("server.crt") + "\"\nkey = \"" +
               certificates.file("server.key") + "\"\n" + more;
    }

    Certificates certificates;
};

TEST_F(VserctlTls, TheServersCertificateIsCheckedAgainstTheGivenCa) {
    const Daemon daemon(port_table("echo", "sim:echo?unpaced=1"), tls_table());

    const auto good = vserctl(daemon.address(), {"--tls-ca", certificates.file("ca.crt"), "baud", "echo", "9600"});
    EXPECT_EQ(good.status, 0) << good.err;

    const auto stranger = vserctl(daemon.address(), {"--tls-ca", certificates.file("stranger.crt"), "ports"});
    EXPECT_EQ(stranger.status, 3);
    EXPECT_THAT(stranger.err, HasSubstr("certificate"));

    const auto plain = vserctl(daemon.address(), {"ports"});
    EXPECT_EQ(plain.status, 3) << plain.out;
}

TEST_F(VserctlTls, AClientWithoutACertificateIsRefusedWhereOneIsAskedFor) {
    const Daemon daemon(port_table("echo", "sim:echo?unpaced=1"),
                        tls_table("client_ca = \"" + certificates.file("ca.crt") + "\"\n"));
    const std::vector<std::string> trusting{"--tls-ca", certificates.file("ca.crt")};

    auto arguments = trusting;
    arguments.insert(arguments.end(), {"ports"});
    EXPECT_EQ(vserctl(daemon.address(), arguments).status, 3);

    arguments = trusting;
    arguments.insert(arguments.end(), {"--tls-cert", certificates.file("client.crt"), "--tls-key",
                                       certificates.file("client.key"), "ports"});
    const auto good = vserctl(daemon.address(), arguments);
    EXPECT_EQ(good.status, 0) << good.err;
    EXPECT_THAT(good.out, HasSubstr("echo"));
}

TEST_F(VserctlTls, ACertificateAndAKeyThatDoNotFitAreRefusedByCheckAndAtTheStart) {
    const ScratchFolder folder;
    for (const auto& [certificate, key, told] : {std::tuple{"server.crt", "client.key", "does not match"},
                                                 {"server.key", "server.key", "does not contain a PEM certificate"},
                                                 {"server.crt", "server.crt", "does not contain a PEM private key"},
                                                 {"none.crt", "server.key", "none.crt"}}) {
        const std::string file = folder.path() / "vserd.toml";
        std::ofstream(file) << "[server]\nlisten = [\"127.0.0.1:0\"]\nmetrics = \"\"\n[server.tls]\ncertificate = \""
                            << certificates.file(certificate) << "\"\nkey = \"" << certificates.file(key) << "\"\n"
                            << port_table("echo", "sim:echo");
        for (const auto& arguments : {std::vector<std::string>{"check", file}, {"--config", file}}) {
            std::vector<std::string> command{vserd_program()};
            command.insert(command.end(), arguments.begin(), arguments.end());
            Process process(command);
            EXPECT_EQ(process.wait(), 1) << told;
            EXPECT_THAT(process.errors(), HasSubstr(told));
        }
    }
}

TEST_F(VserctlTls, AFileThatCannotBeReadIsNamed) {
    const Daemon daemon(port_table("echo", "sim:echo"), tls_table());

    for (const char* path : {"/no/such/ca.crt", "/etc"}) {  // a directory opens, and fails to read
        const auto result = vserctl(daemon.address(), {"--tls-ca", path, "ports"});

        EXPECT_EQ(result.status, 2) << path;
        EXPECT_THAT(result.err, HasSubstr(path));
    }
}

}  // namespace
}  // namespace vserd::test
