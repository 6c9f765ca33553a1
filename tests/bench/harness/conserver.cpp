#include "harness/conserver.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

#include "harness/pattern.hpp"
#include "harness/tcp.hpp"

namespace vserd::bench::conserver {
namespace {

constexpr std::byte mark{0xFF};
constexpr std::size_t reply_bytes_max = 200;
constexpr std::string_view attention = "\005c";  // what a command starts with, until it is moved

void send(int fd, std::string_view text) {
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("conserver takes no command");
    }
}

/// A line, without its end. Byte by byte, so that nothing of the console is taken with it.
std::string reply(int fd) {
    std::string text;
    char c = 0;
    while (text.size() < reply_bytes_max && ::read(fd, &c, 1) == 1) {
        if (c == '\n') return text.substr(0, text.find('\r'));
        text += c;
    }
    throw std::runtime_error("conserver does not answer, or says more than a line: " + text);
}

void expect(int fd, std::string_view wanted) {
    if (const std::string got = reply(fd); !got.starts_with(wanted)) {
        throw std::runtime_error("conserver said '" + got + "' instead of '" + std::string(wanted) + "'");
    }
}

base::Fd log_in(int port) {
    base::Fd fd = tcp_connect(port);
    expect(fd.get(), "ok");
    send(fd.get(), "login bench\r\n");
    expect(fd.get(), "ok");
    return fd;
}

std::string call(std::size_t line) { return "call p" + std::to_string(line) + "\r\n"; }

int group_port(int master, std::size_t line) {
    send(master, call(line));
    const std::string answer = reply(master);
    if (answer.empty() || answer.find_first_not_of("0123456789") != std::string::npos) {
        throw std::runtime_error("conserver has no console p" + std::to_string(line) + ": " + answer);
    }
    return std::stoi(answer);
}

bool is_in_pattern(std::byte first, std::byte second) {
    const auto bytes = pattern_at(0, pattern_piece_bytes);
    for (std::size_t i = 1; i < bytes.size(); ++i) {
        if (bytes[i - 1] == first && bytes[i] == second) return true;
    }
    return false;
}

std::array<char, 2> unused_pair() {
    for (unsigned first = 251; first < 255; ++first) {
        for (unsigned second = 1; second < 255; ++second) {
            if (first != second && !is_in_pattern(static_cast<std::byte>(first), static_cast<std::byte>(second))) {
                return {static_cast<char>(first), static_cast<char>(second)};
            }
        }
    }
    throw std::logic_error("the pattern has all pairs of bytes");
}

}  // namespace

std::string configuration(const std::vector<Line>& lines) {
    std::string text =
        "config * { }\naccess * { trusted 127.0.0.1; }\n"
        "default * { master 127.0.0.1; type device; baud 115200; parity none; options !ixon,!ixoff; rw *; logfile "
        "\"\"; }\n";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        text += "console p" + std::to_string(i) + " { device " + lines[i].path + "; }\n";
    }
    return text;
}

std::vector<int> group_ports(int master_port, std::size_t lines) {
    const base::Fd master = log_in(master_port);
    std::vector<int> ports;
    for (std::size_t line = 0; line < lines; ++line) ports.push_back(group_port(master.get(), line));
    log_in(ports.back());
    return ports;
}

base::Fd connect(int group_port, std::size_t line) {
    base::Fd fd = log_in(group_port);
    send(fd.get(), call(line));
    if (const std::string state = reply(fd.get()); state != "[attached]" && state != "[spy]") {
        throw std::runtime_error("conserver has no line for console p" + std::to_string(line) + ": " + state);
    }
    send(fd.get(), std::string(attention) + ";");
    expect(fd.get(), "[connected]");
    return fd;
}

void move_escape(int fd) {
    static const std::array<char, 2> pair = unused_pair();
    send(fd, std::string(attention) + "e" + std::string(pair.data(), pair.size()));
    expect(fd, "[redef:");
}

void quote(std::span<const std::byte> bytes, std::vector<std::byte>& quoted) {
    quoted.clear();
    for (const std::byte byte : bytes) {
        if (byte == mark) quoted.push_back(mark);
        quoted.push_back(byte);
    }
}

std::span<std::byte> Unquote::take(std::span<std::byte> bytes) noexcept {
    std::size_t size = 0;
    for (const std::byte byte : bytes) {
        pending_ = byte == mark && !pending_;
        if (!pending_) bytes[size++] = byte;
    }
    return bytes.first(size);
}

}  // namespace vserd::bench::conserver
