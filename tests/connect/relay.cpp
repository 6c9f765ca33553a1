#include "connect/relay.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "web/request.hpp"

namespace vserd::test {
namespace {

constexpr std::size_t head_bytes_max = std::size_t{1} << 20;
constexpr int backlog = 128;
constexpr std::string_view head_end = "\r\n\r\n";

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Copies until `from` ends, and then ends `to`.
void pump(int from, int to) {
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
        if (got <= 0 || !send_all(to, {buffer.data(), static_cast<std::size_t>(got)})) break;
    }
    ::shutdown(to, SHUT_WR);
}

/// Reads until a head is complete; returns it with what follows. Empty: the connection has ended before.
std::string read_head(int fd) {
    std::string text;
    std::array<char, 16384> buffer{};
    while (text.find(head_end) == std::string::npos && text.size() < head_bytes_max) {
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) return {};
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

Headers headers_in(std::string_view text) {
    Headers headers;
    text = text.substr(0, text.find(head_end));
    for (std::size_t line = text.find("\r\n"); line != std::string_view::npos; line = text.find("\r\n")) {
        text.remove_prefix(line + 2);
        const std::string_view field = text.substr(0, text.find("\r\n"));
        const std::size_t colon = field.find(':');
        if (colon == std::string_view::npos) continue;
        std::string_view value = field.substr(colon + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        headers.emplace_back(web::lower(field.substr(0, colon)), value);
    }
    return headers;
}

std::string with(std::string head, const Headers& headers) {
    std::string lines;
    for (const auto& [name, value] : headers) lines += fmt::format("{}: {}\r\n", name, value);
    return head.insert(head.find("\r\n") + 2, lines);
}

}  // namespace

Relay::Relay(std::uint16_t server_port)
    : server_port_(server_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(0);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(listener_.get(), backlog) < 0) {
        std::perror("relay");
        std::exit(1);
    }
    port_ = port_of(listener_.get());
    std::thread([this] { accept(); }).detach();
}

void Relay::accept() {
    for (;;) {
        base::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) continue;
        std::thread([this, fd = client.release()] { serve(base::Fd(fd)); }).detach();
    }
}

void Relay::serve(base::Fd client) {
    const std::string head = read_head(client.get());
    const base::Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(server_port_);
    if (head.empty() || ::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return;
    const std::string peer = fmt::format("127.0.0.1:{}", port_of(server.get()));
    {
        const std::lock_guard lock(mutex_);
        requests_[peer] = headers_in(head);
    }
    send_all(server.get(), with(head, {{"Connection", "close"}}));
    std::thread rest([from = client.get(), to = server.get()] { pump(from, to); });
    const std::string response = read_head(server.get());
    if (!response.empty()) send_all(client.get(), with(response, take_response_headers(peer)));
    pump(server.get(), client.get());
    ::shutdown(client.get(), SHUT_RDWR);
    rest.join();
}

Headers Relay::request_headers(const std::string& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(peer);
    return found == requests_.end() ? Headers{} : found->second;
}

void Relay::set_response_headers(const std::string& peer, Headers headers) {
    const std::lock_guard lock(mutex_);
    responses_[peer] = std::move(headers);
}

Headers Relay::take_response_headers(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    requests_.erase(peer);
    auto taken = responses_.extract(peer);
    return taken.empty() ? Headers{} : std::move(taken.mapped());
}

}  // namespace vserd::test
