#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>

#include "integration/rpc_client.hpp"
#include "support/pty.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string echo_port = port_table("echo", "sim:echo?unpaced=1");

int run(const std::vector<std::string>& arguments, std::string* errors = nullptr, std::string* output = nullptr) {
    std::vector<std::string> command{vserd_program()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command);
    const int status = process.wait();
    if (errors != nullptr) *errors = process.errors();
    if (output != nullptr) *output = process.read_line();
    return status;
}

/// A port behind a pseudo terminal whose far end the test reads when it likes: until then bytes wait in the port's queue.
class RpcDrain : public ::testing::Test {
protected:
    void start(const std::string& server) {
        daemon = std::make_unique<Daemon>(port_table("tty", pty.path), server);
        client = std::make_unique<Client>(daemon->address());
        ASSERT_TRUE(eventually([&] { return write_all(*client, "tty", sent).ok(); }));
    }
    bool going_down() {
        return is_refused(write_all(*client, "tty", "y"), grpc::StatusCode::UNAVAILABLE, "SERVER_GOING_DOWN");
    }

    const std::string sent = pattern(150'000);
    io::Pty pty = test::open_pty();
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<Client> client;
};

TEST_F(RpcDrain, SigtermWritesWhatWasAcceptedEndsStreamsAndExitsWithZero) {
    start("drain_limit = \"20s\"");
    v1::ReadRequest request;
    request.set_port("tty");
    request.set_follow(true);
    Call call;
    const auto stream = client->console->Read(&call, request);
    Console idle(*client, open_of("tty"));
    v1::AttachResponse opened;
    ASSERT_TRUE(idle.read(opened));
    Call watch_call;
    const auto watch = client->ports->WatchPorts(&watch_call, {});
    v1::WatchPortsResponse change;
    ASSERT_TRUE(watch->Read(&change));

    daemon->process().signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return going_down(); }));
    EXPECT_EQ(test::read_exactly(pty.master.get(), sent.size()), sent);

    v1::ReadResponse response;
    while (stream->Read(&response)) continue;
    EXPECT_TRUE(is_refused(stream->Finish(), grpc::StatusCode::UNAVAILABLE, "SERVER_GOING_DOWN"));
    EXPECT_TRUE(is_refused(idle.finish(), grpc::StatusCode::UNAVAILABLE, "SERVER_GOING_DOWN"));
    while (watch->Read(&change)) continue;
    EXPECT_TRUE(is_refused(watch->Finish(), grpc::StatusCode::UNAVAILABLE, "SERVER_GOING_DOWN"));
    EXPECT_EQ(daemon->process().wait(), 0);
}

TEST_F(RpcDrain, ADeviceThatTakesNothingIsWaitedForNoLongerThanTheLimit) {
    start("drain_limit = \"300ms\"");
    const auto before = std::chrono::steady_clock::now();

    daemon->process().signal(SIGTERM);

    EXPECT_EQ(daemon->process().wait(), 0);
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(300));
}

TEST_F(RpcDrain, ASecondSigtermLeavesAtOnce) {
    start("drain_limit = \"60s\"");

    daemon->process().signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return going_down(); }));
    daemon->process().signal(SIGTERM);

    EXPECT_EQ(daemon->process().wait(), 1);
}

TEST(RpcLifecycle, AReaderThatTakesNothingDoesNotKeepItFromStopping) {
    Daemon daemon(echo_port);
    Client client(daemon.address());
    v1::ReadRequest request;
    request.set_port("echo");
    request.set_follow(true);
    request.mutable_from()->set_oldest(true);
    Call call;
    const auto stuck = client.console->Read(&call, request);
    v1::ReadResponse response;
    ASSERT_TRUE(stuck->Read(&response));
    Client writer(daemon.address());
    ASSERT_TRUE(write_all(writer, "echo", std::string(8 << 20, 'x')).ok());

    daemon.process().signal(SIGTERM);

    EXPECT_EQ(daemon.process().wait(), 0);
}

TEST(RpcLifecycle, SighupAddsAndRemovesPortsAndLeavesTheOthersAlone) {
    Daemon daemon(echo_port + port_table("old", "sim:echo"));
    Client client(daemon.address());
    Console kept(client, open_of("echo"));
    Console removed(client, open_of("old"));
    ASSERT_TRUE(kept.send("one"));
    ASSERT_EQ(kept.read_bytes(3), "one");
    v1::WatchPortsRequest all;
    Call watch_call;
    const auto watch = client.ports->WatchPorts(&watch_call, all);
    v1::WatchPortsResponse change;
    for (int state = 0; state < 2; ++state) ASSERT_TRUE(watch->Read(&change));
    Call collect_call;
    v1::CollectRequest collect_request;
    collect_request.set_all(true);
    const auto collect = client.console->Collect(&collect_call, collect_request);

    daemon.reload(echo_port + port_table("new", "sim:echo?unpaced=1"));

    EXPECT_TRUE(is_refused(removed.finish(), grpc::StatusCode::UNAVAILABLE, "PORT_REMOVED"));
    bool told_removed = false;
    bool told_added = false;
    while (!(told_removed && told_added) && watch->Read(&change)) {
        told_removed |= change.event().port().name() == "old" && change.event().removed();
        told_added |= change.event().port().name() == "new";
    }
    EXPECT_TRUE(told_removed && told_added);
    ASSERT_TRUE(kept.send("two"));
    EXPECT_EQ(kept.read_bytes(3), "two");
    ASSERT_TRUE(eventually([&] { return write_all(client, "new", "fresh").ok(); }));
    std::string collected;
    v1::CollectResponse records;
    while (collected.size() < 5 && collect->Read(&records)) {
        for (const auto& record : records.records()) {
            if (record.port() == "new") collected += record.data();
        }
    }
    EXPECT_EQ(collected, "fresh");
}

TEST(RpcLifecycle, AReloadThatFailsKeepsWhatIsInForce) {
    Daemon daemon(echo_port);
    Client client(daemon.address());
    Console console(client, open_of("echo"));

    daemon.reload("[[port]]\nname = \"broken\n");
    ASSERT_TRUE(eventually([&] { return daemon.process().errors().find("vserd.toml:") != std::string::npos; }));

    ASSERT_TRUE(console.send("still"));
    EXPECT_EQ(console.read_bytes(5), "still");
}

TEST(RpcLifecycle, ASecondInstanceOnTheSamePortFailsAndNamesTheAddressAndTheProcess) {
    Daemon daemon(echo_port);
    std::string errors;

    EXPECT_EQ(run({"--demo", "--metrics", "", "--listen", daemon.address()}, &errors), 1);

    EXPECT_THAT(errors, HasSubstr(daemon.address()));
    EXPECT_THAT(errors,
                HasSubstr("Address already in use; pid " + std::to_string(daemon.process().pid()) + " (vserd)"));
}

TEST(RpcLifecycle, AUnixSocketIsServedTakenOverWhenStaleAndNotWhenServed) {
    const ScratchFolder folder;
    const std::string address = "unix:" + (folder.path() / "vserd.sock").string();
    const std::vector<std::string> command{vserd_program(), "--demo", "--metrics", "", "--listen", address};
    std::string errors;
    {
        Process first(command);
        ASSERT_THAT(first.read_line(), HasSubstr(address));
        Client client(address);
        EXPECT_TRUE(write_all(client, "fast", "x").ok());
        struct stat status {};
        ASSERT_EQ(::stat((folder.path() / "vserd.sock").c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);

        EXPECT_EQ(run({"--demo", "--metrics", "", "--listen", address}, &errors), 1);
        EXPECT_THAT(errors, HasSubstr("already in use; pid " + std::to_string(first.pid()) + " (vserd)"));
        first.signal(SIGKILL);
        first.wait();
    }
    Process second(command);
    ASSERT_THAT(second.read_line(), HasSubstr(address));
    Client client(address);
    // gRPC shares connections to one address in a process, and waits before it tries one again that just broke.
    EXPECT_TRUE(eventually([&] { return write_all(client, "fast", "x").ok(); }));
}

TEST(RpcLifecycle, ListeningBeyondThisMachineWithoutTlsIsRefused) {
    std::string errors;

    EXPECT_EQ(run({"--demo", "--metrics", "", "--listen", "0.0.0.0:0"}, &errors), 1);

    EXPECT_THAT(errors, HasSubstr("allow_insecure_remote"));
}

TEST(RpcLifecycle, StrictExitsWhenADeviceCannotBeOpened) {
    const ScratchFolder folder;
    const std::string file = folder.write("c.toml", "[server]\nlisten = [\"127.0.0.1:0\"]\nmetrics = \"\"\n" +
                                                        echo_port + port_table("gone", "/dev/vserd-no-such-device"));
    std::string errors;

    EXPECT_EQ(run({"--config", file, "--strict"}, &errors), 1);

    EXPECT_THAT(errors, HasSubstr("gone"));
    EXPECT_THAT(errors, HasSubstr("/dev/vserd-no-such-device"));
}

TEST(RpcLifecycle, TheCommandLineSaysWhatIsWrongWithIt) {
    std::string errors;
    EXPECT_EQ(run({"--no-such-flag"}, &errors), 2);
    EXPECT_THAT(errors, HasSubstr("--no-such-flag"));
    EXPECT_EQ(run({}, &errors), 2);
    EXPECT_THAT(errors, HasSubstr("--demo"));
    EXPECT_EQ(run({"--demo", "--config", "x"}, &errors), 2);
    EXPECT_EQ(run({"--config"}, &errors), 2);
    for (const char* address : {"", "foo", "127.0.0.1:70000", ":1", "unix:relative"}) {
        EXPECT_EQ(run({"--demo", "--listen", address}, &errors), 2) << address;
        EXPECT_THAT(errors, HasSubstr("--listen")) << address;
    }
    EXPECT_EQ(run({"--demo", "--metrics", "127.0.0.1:70000"}, &errors), 2);
    EXPECT_THAT(errors, HasSubstr("--metrics"));
    std::string output;
    EXPECT_EQ(run({"--version"}, nullptr, &output), 0);
    EXPECT_EQ(output, "vserd " VSERD_VERSION);
    EXPECT_EQ(run({"--help"}, nullptr, &output), 0);
}

TEST(RpcLifecycle, CheckTellsEveryProblemWithItsPlace) {
    const ScratchFolder folder;
    const std::string file = folder.write("bad.toml", "[server]\nlisten = [\"nowhere\"]\ncolour = 1\n" + echo_port);
    std::string errors;
    EXPECT_EQ(run({"check", file}, &errors), 1);
    EXPECT_THAT(errors, StartsWith(file + ":2:"));
    EXPECT_THAT(errors, HasSubstr(file + ":3:"));

    EXPECT_EQ(run({"check", folder.path()}, &errors), 1);
    EXPECT_THAT(errors, HasSubstr("directory"));
    EXPECT_EQ(run({"--config", folder.path()}, &errors), 1);
    EXPECT_EQ(run({"check", folder.write("good.toml", echo_port)}), 0);
}

}  // namespace
}  // namespace vserd::rpc_test
