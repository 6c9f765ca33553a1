#include "support/tcp_pair.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace vserd::test {

TcpPair connect_pair() {
    const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener.get(), 1);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size);
    return {std::move(client), base::Fd(::accept(listener.get(), nullptr, nullptr))};
}

}  // namespace vserd::test
