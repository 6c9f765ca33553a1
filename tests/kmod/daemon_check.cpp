// vser_daemon_check: what daemon_suite.sh cannot do in a shell.
//   vser_daemon_check line NODE                          the settings, through a descriptor of its own: "57600 7E2"
//   vser_daemon_check round-trip ADDRESS PORT MEBIBYTES  write to a looped-back port over gRPC, read it all back, compare
#include <fcntl.h>
#include <sys/ioctl.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "support/module.hpp"
#include "vser_client.hpp"

namespace vserd::kmodtest {
namespace {

int show_line(const char* node) {
    const Fd fd{::open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    __u32 baud = 0;
    vs_ffmt format{};
    if (::ioctl(fd.get(), VS_GET_BAUD, &baud) != 0 || ::ioctl(fd.get(), VS_GET_FFMT, &format) != 0) {
        std::perror(node);
        return 1;
    }
    constexpr const char* stop_bits[] = {"1", "1.5", "2"};
    std::printf("%u %u%c%s\n", baud, format.data_bits, "NOEMS"[format.parity], stop_bits[format.stop_bits]);
    return 0;
}

int fail(const char* what, const vser::client::Error& error) {
    std::fprintf(stderr, "%s: %s\n", what, to_string(error).c_str());
    return 1;
}

/// Reads `size` bytes from `offset` on and compares them with the pattern; 0 when they are the same.
int compare(const vser::client::Client& client, const std::string& port, std::uint64_t offset,
            const std::string& expected) {
    vser::client::ReadOptions options;
    options.from = vser::client::StartPoint::offset(offset);
    options.follow = true;
    options.bytes_max = expected.size();
    auto stream = client.read(port, options);
    std::uint64_t had = 0;
    while (const auto item = stream.next()) {
        if (std::holds_alternative<vser::client::Gap>(*item)) {
            std::fputs("the reader lost bytes\n", stderr);
            return 1;
        }
        const auto* data = std::get_if<vser::client::Data>(&*item);
        if (data == nullptr) continue;
        if (data->offset != offset + had || std::string_view{expected}.substr(had, data->bytes.size()) != data->bytes) {
            std::fprintf(stderr, "the bytes differ near %llu\n", static_cast<unsigned long long>(had));
            return 1;
        }
        had += data->bytes.size();
    }
    if (had == expected.size()) return 0;
    if (const auto error = stream.error()) return fail("read", *error);
    std::fputs("the stream ended early\n", stderr);
    return 1;
}

int round_trip(const std::string& address, const std::string& port, std::size_t mebibytes) {
    auto client = vser::client::Client::connect(address);
    if (!client) return fail("connect", client.error());
    const auto before = client->get_port(port);
    if (!before) return fail("get_port", before.error());
    const auto sent = pattern(mebibytes << 20);
    const auto start = std::chrono::steady_clock::now();

    int write_status = 0;
    std::thread writer{[&] {
        const auto written = client->write(port, sent, std::chrono::minutes{5});
        if (!written) write_status = fail("write", written.error());
    }};
    const int read_status = compare(*client, port, before->next_offset, sent);
    writer.join();

    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    std::printf("%zu MiB there and back in %.1f s\n", mebibytes, time.count());
    return read_status | write_status;
}

}  // namespace
}  // namespace vserd::kmodtest

int main(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "line" && argc == 3) return vserd::kmodtest::show_line(argv[2]);
    if (verb == "round-trip" && argc == 5) {
        return vserd::kmodtest::round_trip(argv[2], argv[3], static_cast<std::size_t>(std::atoi(argv[4])));
    }
    std::fputs("usage: vser_daemon_check line NODE | round-trip ADDRESS PORT MEBIBYTES\n", stderr);
    return 2;
}
