#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "base/fd.hpp"
#include "integration/rpc_client.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

base::Fd dial(const std::string& address) {
    base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) < 0) return {};
    return fd;
}

/// Closes with a reset, so that no port of this machine stays in TIME_WAIT.
void drop(base::Fd fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void say(const base::Fd& fd, const std::string& bytes) {
    static_cast<void>(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

const std::string http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string http2_settings = std::string("\0\0\0\4\0\0\0\0\0", 9);

class RpcAbuse : public ::testing::Test {
protected:
    bool serves() {
        Client client(daemon.address());
        Call call;
        v1::ListPortsResponse response;
        return client.ports->ListPorts(&call, {}, &response).ok() && response.ports_size() == 1;
    }

    Daemon daemon{port_table("echo", "sim:echo?unpaced=1"), "streams_max = 8"};
};

TEST_F(RpcAbuse, GarbageAndHalfOpenConnectionsDoNotHurt) {
    std::mt19937 random(20240611);  // the seed, for whoever looks for a failure
    std::vector<base::Fd> half_open;
    for (int round = 0; round < 200; ++round) {
        auto fd = dial(daemon.address());
        ASSERT_TRUE(fd);
        std::string garbage(random() % 600, '\0');
        for (char& c : garbage) c = static_cast<char>(random());
        switch (round % 5) {
            case 0: say(fd, garbage); break;
            case 1: say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); break;
            case 2: say(fd, http2_preface + garbage); break;
            case 3: say(fd, http2_preface + http2_settings + std::string("\0\0\377\1\5\0\0\0\1", 9)); break;
            default: say(fd, http2_preface.substr(0, 10)); break;
        }
        if (round % 2 == 0) {
            half_open.push_back(std::move(fd));  // and now says nothing
        } else {
            drop(std::move(fd));
        }
    }

    EXPECT_TRUE(serves());
}

TEST_F(RpcAbuse, TenThousandConnectionsLeaveNothingBehind) {
    const auto open_and_drop = [&](int count) {
        for (int i = 0; i < count; ++i) {
            auto fd = dial(daemon.address());
            ASSERT_TRUE(fd) << i;
            if (i % 2 == 0) say(fd, http2_preface + http2_settings);
            drop(std::move(fd));
        }
    };
    ASSERT_TRUE(serves());
    const std::size_t descriptors_before = daemon.descriptors();
    open_and_drop(2000);  // what grows once has grown
    ASSERT_TRUE(eventually([&] { return daemon.descriptors() <= descriptors_before + 5; }));
    const std::size_t memory_before = daemon.resident_bytes();

    open_and_drop(10'000);

    EXPECT_TRUE(serves());
    EXPECT_TRUE(eventually([&] { return daemon.descriptors() <= descriptors_before + 5; })) << daemon.descriptors();
    if (!memory_tells()) GTEST_SKIP() << "descriptors are fine; memory cannot be told";
    EXPECT_TRUE(eventually([&] { return daemon.resident_bytes() < memory_before + (std::size_t{8} << 20); }))
        << daemon.resident_bytes() << " after " << memory_before;
}

TEST_F(RpcAbuse, ItServesAgainAfterItRanOutOfDescriptors) {
    ASSERT_TRUE(serves());
    Client before(daemon.address());
    Console console(before, open_of("echo"));
    ASSERT_TRUE(console.send("one"));
    ASSERT_EQ(console.read_bytes(3), "one");
    // The acceptor took the limit at the start; this one is below it, so accept() itself fails.
    const rlimit few{daemon.descriptors() + 20, daemon.descriptors() + 20};
    ASSERT_EQ(::prlimit(daemon.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);

    std::vector<base::Fd> connections;
    for (int i = 0; i < 200; ++i) connections.push_back(dial(daemon.address()));
    EXPECT_TRUE(console.send("two"));
    EXPECT_EQ(console.read_bytes(3), "two");
    connections.clear();

    EXPECT_TRUE(serves());
}

TEST_F(RpcAbuse, StreamsBeginAndBreakOffAtAnyPointWithoutALeak) {
    std::mt19937 random(7);
    Client feeder(daemon.address());
    for (int round = 0; round < 300; ++round) {
        Client client(daemon.address());
        Call call;
        if (round % 3 == 0) {
            v1::ReadRequest request;
            request.set_port("echo");
            request.set_follow(true);
            const auto stream = client.console->Read(&call, request);
            if (random() % 2 == 0) write_all(feeder, "echo", std::string(random() % 5000 + 1, 'x'));
            call.TryCancel();
            stream->Finish();
        } else if (round % 3 == 1) {
            const auto stream = client.console->Attach(&call);
            v1::AttachRequest request;
            *request.mutable_open() = open_of("echo");
            if (random() % 4 != 0) stream->Write(request);
            request.set_data(std::string(random() % 100'000 + 1, 'y'));
            if (random() % 2 == 0) stream->Write(request);
            call.TryCancel();
            stream->Finish();
        } else {
            v1::CollectRequest request;
            request.set_all(true);
            const auto stream = client.console->Collect(&call, request);
            call.TryCancel();
            stream->Finish();
        }
    }

    Call call;
    v1::GetPortRequest request;
    v1::GetPortResponse response;
    request.set_port("echo");
    EXPECT_TRUE(eventually([&] {
        Call again;
        return feeder.ports->GetPort(&again, request, &response).ok() && response.port().readers() == 0;
    }));
}

TEST_F(RpcAbuse, MoreStreamsThanTheLimitAreResourceExhausted) {
    Client client(daemon.address());
    std::vector<std::unique_ptr<Console>> consoles;
    v1::AttachResponse opened;
    for (int i = 0; i < 8; ++i) {
        consoles.push_back(std::make_unique<Console>(client, open_of("echo")));
        ASSERT_TRUE(consoles.back()->read(opened));
    }

    Console one_too_many(client, open_of("echo"));
    const auto status = one_too_many.finish();

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_REACHED"));
    EXPECT_EQ(refusal_of(status).metadata["limit"], "streams_max");
    consoles.pop_back();
    EXPECT_TRUE(eventually([&] {
        Console again(client, open_of("echo"));
        return again.read(opened);
    }));
}

TEST_F(RpcAbuse, AMessageThatIsNoProtobufIsInvalid) {
    Client client(daemon.address());
    const grpc::internal::RpcMethod method("/vser.v1.ConsoleService/Read", grpc::internal::RpcMethod::SERVER_STREAMING);
    Call call;
    // Field 2 of ReadRequest is a message, and these bytes are none.
    v1::Data not_a_request;
    not_a_request.set_bytes("\xFF\xFF\xFF");
    const std::unique_ptr<grpc::ClientReader<v1::ReadResponse>> stream(
        grpc::internal::ClientReaderFactory<v1::ReadResponse>::Create(client.channel.get(), method, &call,
                                                                      not_a_request));
    v1::ReadResponse response;

    EXPECT_FALSE(stream->Read(&response));
    EXPECT_TRUE(is_refused(stream->Finish(), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

}  // namespace
}  // namespace vserd::rpc_test
