#include "net/listen_socket.hpp"

#include <gtest/gtest.h>

namespace vserd::net {
namespace {

TEST(ListenAddress, KnowsWhatOnlyThisMachineReaches) {
    for (const char* local : {"127.0.0.1:1", "127.8.9.1:0", "[::1]:50051", "localhost:1", "unix:/run/x"}) {
        EXPECT_TRUE(is_local(local)) << local;
    }
    for (const char* remote : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "128.0.0.1:1", "", "nonsense"}) {
        EXPECT_FALSE(is_local(remote)) << remote;
    }
}

TEST(ListenSocket, AnAddressThatCannotBeReadIsRefusedWithTheGrammar) {
    for (const char* address : {"", "nonsense", "127.0.0.1:http", "::1:1"}) {
        const auto sockets = ListenSocket::open(address);
        ASSERT_FALSE(sockets) << address;
        EXPECT_EQ(sockets.error().subject, "listen");
        EXPECT_NE(sockets.error().message.find("HOST:PORT"), std::string::npos) << sockets.error().message;
    }
}

}  // namespace
}  // namespace vserd::net
