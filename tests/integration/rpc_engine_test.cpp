// The engine that the daemon starts on, where io_uring is denied or limits are tight.

#include <gmock/gmock.h>

#include <csignal>

#include "integration/rpc_client.hpp"
#include "support/pty.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

v1::GetServerInfoResponse info_of(Client& client) {
    Call call;
    v1::GetServerInfoResponse info;
    EXPECT_TRUE(client.admin->GetServerInfo(&call, {}, &info).ok());
    return info;
}

v1::Port port_of(Client& client, const std::string& name) {
    Call call;
    v1::GetPortRequest request;
    request.set_port(name);
    v1::GetPortResponse response;
    EXPECT_TRUE(client.ports->GetPort(&call, request, &response).ok());
    return response.port();
}

/// A daemon on a pty, in a sandbox.
class RpcEngine : public ::testing::Test {
protected:
    void start(const std::vector<std::string>& sandbox, const std::string& server = {}) {
        daemon = std::make_unique<Daemon>(port_table("tty", pty.path) + port_table("echo", "sim:echo?unpaced=1"),
                                          server, sandbox);
        client = std::make_unique<Client>(daemon->address());
        ASSERT_TRUE(eventually([&] { return port_of(*client, "tty").state() == v1::STATE_ONLINE; }));
    }

    void expect_bytes_to_pass_both_ways() {
        const std::string there = pattern(5000);
        ASSERT_TRUE(write_all(*client, "tty", there).ok());
        EXPECT_EQ(test::read_exactly(pty.master.get(), there.size()), there);
        test::write_all(pty.master.get(), "and back");
        EXPECT_EQ(read_log(*client, "tty", 0, 8), "and back");
    }

    io::Pty pty = test::open_pty();
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<Client> client;
};

TEST_F(RpcEngine, StartsOnTheNextWhereIoUringIsForbidden) {
    start({"--deny-io-uring=" + std::to_string(EPERM)});

    const auto info = info_of(*client);

    EXPECT_EQ(info.engine(), "sigio");
    ASSERT_EQ(info.refusals_size(), 1);
    EXPECT_EQ(info.refusals(0).engine(), "io_uring");
    EXPECT_THAT(info.refusals(0).reason(), AllOf(HasSubstr("EPERM"), HasSubstr("kernel.io_uring_disabled=0")));
    EXPECT_EQ(port_of(*client, "tty").engine(), "sigio");
    expect_bytes_to_pass_both_ways();
}

TEST_F(RpcEngine, StartsOnTheNextWhereTheKernelHasNoIoUring) {
    start({"--deny-io-uring=" + std::to_string(ENOSYS)});

    const auto info = info_of(*client);

    EXPECT_EQ(info.engine(), "sigio");
    EXPECT_THAT(info.refusals(0).reason(), AllOf(HasSubstr("ENOSYS"), HasSubstr("Linux 5.13 or later")));
    expect_bytes_to_pass_both_ways();
}

TEST_F(RpcEngine, StartsWhereNoMemoryMayBeLocked) {
    start({"--locked-bytes=0"});

    const auto info = info_of(*client);

    for (const auto& refusal : info.refusals()) EXPECT_THAT(refusal.reason(), HasSubstr("RLIMIT_MEMLOCK"));
    expect_bytes_to_pass_both_ways();
}

TEST_F(RpcEngine, ServesBySignalsThoughNoneCanBeQueued) {
    start({"--queued-signals=0"}, "engine = \"sigio\"");

    EXPECT_EQ(info_of(*client).engine(), "sigio");
    expect_bytes_to_pass_both_ways();
}

TEST_F(RpcEngine, EachOneServesWhenItIsNamed) {
    for (const std::string name : {"sigio", "epoll", "aio"}) {
        start({}, "engine = \"" + name + "\"");

        EXPECT_EQ(info_of(*client).engine(), name);
        EXPECT_EQ(port_of(*client, "tty").engine(), name);
        daemon.reset();
        pty = test::open_pty();
    }
}

TEST_F(RpcEngine, OneThatIsNamedAndDeniedEndsTheStartWithTheReason) {
    const ScratchFolder folder;
    const std::string file = folder.write(
        "vserd.toml", "[server]\nengine = \"io_uring\"\nlisten = [\"127.0.0.1:0\"]\n" + port_table("echo", "sim:echo"));
    Process process(sandboxed({"--deny-io-uring=" + std::to_string(EPERM)}, {vserd_program(), "--config", file}));

    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.errors(), HasSubstr("engine \"io_uring\" does not work on this system: io_uring_setup: EPERM"));
}

/// The probe's descriptors have low numbers, the ports' come after those of the listeners.
const std::vector<std::string> devices_without_notification{"--deny-io-uring=" + std::to_string(EPERM),
                                                            "--no-async-from=8"};

TEST_F(RpcEngine, ADeviceThatItCannotServeMovesThatPortAlone) {
    start(devices_without_notification);

    EXPECT_EQ(info_of(*client).engine(), "sigio");
    EXPECT_EQ(port_of(*client, "tty").engine(), "epoll");
    expect_bytes_to_pass_both_ways();
    daemon->process().signal(SIGTERM);
    EXPECT_EQ(daemon->process().wait(), 0);
    EXPECT_THAT(daemon->process().errors(),
                HasSubstr("port tty: served by engine epoll: sigio: FIOASYNC: ENOTTY; the device does not support "
                          "asynchronous notification"));
}

TEST_F(RpcEngine, OneThatIsNamedIsNotReplacedForADeviceThatItCannotServe) {
    daemon = std::make_unique<Daemon>(port_table("tty", pty.path), "engine = \"sigio\"", devices_without_notification);
    client = std::make_unique<Client>(daemon->address());

    EXPECT_TRUE(eventually([&] {
        return port_of(*client, "tty").offline_reason().find("does not support asynchronous notification") !=
               std::string::npos;
    }));
}

TEST(RpcLimits, TooFewDescriptorsForThePortsEndTheStartAndAreNamed) {
    std::string ports;
    for (int i = 0; i < 100; ++i) ports += port_table("echo" + std::to_string(i), "sim:echo");
    const ScratchFolder folder;
    const std::string file = folder.write("vserd.toml", "[server]\nlisten = [\"127.0.0.1:0\"]\n" + ports);
    Process process(sandboxed({"--descriptors=200"}, {vserd_program(), "--config", file}));

    EXPECT_EQ(process.wait(), 1);
    EXPECT_THAT(process.errors(), HasSubstr("RLIMIT_NOFILE allows 200 descriptors and 100 ports need 352: raise it "
                                            "(LimitNOFILE=352 in the systemd unit, `ulimit -n 352` in a shell)"));
}

}  // namespace
}  // namespace vserd::rpc_test
