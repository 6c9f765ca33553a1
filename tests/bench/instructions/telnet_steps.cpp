#include <string>

#include "instructions/steps.hpp"
#include "tcp/telnet_codec.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{16} << 10;

/// Every byte value alike: also IAC and CR.
std::string all_bytes() {
    std::string bytes(buffer_bytes, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
    return bytes;
}

std::string text() {
    std::string bytes;
    while (bytes.size() < buffer_bytes) bytes += "[ 482.391] usb 1-1: new high-speed device using xhci_hcd\r\n";
    return bytes;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

void count_codec(const std::string& name, bool com_port, const std::string& bytes) {
    tcp::TelnetCodec codec(com_port);
    std::string encoded;
    count("telnet encode 16 KiB: " + name, 50, [&] {
        encoded.clear();
        if (codec.needs_encoding(bytes_of(bytes))) codec.encode(bytes_of(bytes), encoded);
    });
    const std::string received = encoded.empty() ? bytes : encoded;
    std::string answers;
    count("telnet decode 16 KiB: " + name, 50, [&] {
        auto input = bytes_of(received);
        while (const auto item = codec.next(input, answers)) keep(*item);
    });
}

}  // namespace

void count_telnet() {
    count_codec("text", false, text());
    count_codec("all bytes, RFC 2217", true, all_bytes());
}

}  // namespace vserd::bench
