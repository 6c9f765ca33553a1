#include "net/acceptor.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vserd::net {
namespace {

using namespace std::chrono_literals;

class AcceptorTest : public ::testing::Test {
protected:
    /// The front end works for each connection until its client has no more to say, as gRPC does for a new one.
    void start() {
        auto sockets = ListenSocket::open("127.0.0.1:0").value();
        address_size_ = sizeof address_;
        ASSERT_EQ(::getsockname(sockets.front().fd(), reinterpret_cast<sockaddr*>(&address_), &address_size_), 0);
        listener_ = sockets.front().fd();
        std::vector<Acceptor::Listener> listeners;
        listeners.push_back({std::move(sockets.front()), [this](int /*listener*/, base::Fd connection) {
                                 ++taken_;
                                 std::string bytes(65536, '\0');
                                 while (const ssize_t size = ::read(connection.get(), bytes.data(), bytes.size())) {
                                     if (size < 0 && errno != EAGAIN) break;
                                 }
                                 ++done_;
                             }});
        acceptor_.emplace(
            std::move(listeners), admission_, [](const std::string&) { return StreamCounts{}; }, nullptr);
    }

    base::Fd connect() {
        base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), address_size_), 0);
        return client;
    }

    /// Whether the server closed the connection while the client sent.
    static bool sends_until_closed(const base::Fd& client) {
        const std::string bytes(16384, 'z');
        return soon([&] {
            char answer = 0;
            ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            const ssize_t got = ::recv(client.get(), &answer, 1, MSG_DONTWAIT);
            return got == 0 || (got < 0 && errno != EAGAIN);
        });
    }

    /// Connections that nobody has accepted yet; of a listening socket, tcpi_unacked has their number.
    unsigned in_backlog() const {
        tcp_info info{};
        socklen_t size = sizeof info;
        EXPECT_EQ(::getsockopt(listener_, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        return info.tcpi_unacked;
    }

    static bool soon(const auto& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            ::usleep(1000);
        }
        return true;
    }

    std::atomic<int> taken_{0};
    std::atomic<int> done_{0};

private:
    sockaddr_storage address_{};
    socklen_t address_size_ = 0;
    int listener_ = -1;
    Admission admission_{std::uint64_t{1} << 30};
    std::optional<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, AClientThatKeepsTheFrontEndBusyIsStillCheckedAndClosed) {
    start();
    const base::Fd abuser = connect();

    EXPECT_TRUE(sends_until_closed(abuser));
    EXPECT_TRUE(soon([&] { return done_ == 1; }));
}

TEST_F(AcceptorTest, MoreThanCanWaitAreAcceptedWhenTheFrontEndTakesConnectionsAgain) {
    start();
    std::optional<base::Fd> busy = connect();
    ASSERT_TRUE(soon([&] { return taken_ == 1; }));
    std::vector<base::Fd> others;
    constexpr unsigned too_many = 32;
    for (std::size_t i = 0; i < handed_over_max + too_many; ++i) {
        others.push_back(connect());
        ASSERT_EQ(::shutdown(others.back().get(), SHUT_WR), 0);
    }
    ASSERT_TRUE(soon([&] { return in_backlog() == too_many; })) << in_backlog();
    ASSERT_EQ(taken_, 1);

    busy.reset();

    EXPECT_TRUE(soon([&] { return done_ == static_cast<int>(1 + others.size()); }));
}

}  // namespace
}  // namespace vserd::net
