#include <grpcpp/support/byte_buffer.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/readers.hpp"
#include "harness/tcp.hpp"
#include "harness/wire.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} << 10;

std::string text_of(const grpc::ByteBuffer& buffer) {
    std::vector<grpc::Slice> slices;
    std::string text;
    if (!buffer.Dump(&slices).ok()) return text;
    for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return text;
}

void send_text(int fd, const std::string& text) {
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("a WebSocket takes nothing");
}

/// Up to the end of the head, byte by byte, so that no frame is taken with it.
std::string read_head(int fd) {
    std::string head;
    for (char c = 0; !head.ends_with("\r\n\r\n");) {
        if (::recv(fd, &c, 1, 0) != 1) throw std::runtime_error("no answer to an upgrade: " + head);
        head += c;
    }
    return head;
}

/// A WebSocket of /read that has sent its request. The mask is 0.
base::Fd open_socket(int port, const std::string& request) {
    base::Fd fd = tcp_connect(port);
    send_text(fd.get(),
              "GET /read HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: "
              "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: vser.v1\r\n\r\n");
    const std::string head = read_head(fd.get());
    if (!head.starts_with("HTTP/1.1 101 ")) throw std::runtime_error("no WebSocket: " + head);
    std::string frame{'\x82', static_cast<char>(0x80U | request.size())};
    frame.append(4, '\0');
    send_text(fd.get(), frame + request);
    return fd;
}

/// The frames of one server, from bytes in pieces.
class Frames {
public:
    /// Calls `take` with each whole payload of binary frames; false: there was another frame.
    template <class Take>
    bool feed(std::span<const char> bytes, const Take& take) {
        pending_.append(bytes.data(), bytes.size());
        std::size_t done = 0;
        bool good = true;
        for (;;) {
            const std::string_view rest = std::string_view(pending_).substr(done);
            const auto [head, size] = sizes_of(rest);
            if (head == 0 || rest.size() - head < size) break;
            const bool is_binary = static_cast<unsigned char>(rest[0]) == 0x82U;
            if (is_binary) take(rest.substr(head, size));
            good = good && (is_binary || static_cast<unsigned char>(rest[0]) == 0x89U);  // a ping
            done += head + size;
        }
        pending_.erase(0, done);
        return good;
    }

private:
    /// Of the head (0: it is not complete) and of the payload.
    static std::pair<std::size_t, std::size_t> sizes_of(std::string_view text) {
        if (text.size() < 2) return {0, 0};
        std::size_t size = static_cast<unsigned char>(text[1]);
        const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (text.size() < 2 + more) return {0, 0};
        if (more > 0) size = 0;
        for (std::size_t i = 0; i < more; ++i) size = size << 8U | static_cast<unsigned char>(text[2 + i]);
        return {2 + more, size};
    }

    std::string pending_;
};

/// WebSockets on one epoll set.
class WebReaders : public Readers {
public:
    WebReaders(const Bridge& bridge, const ReadPlan& plan)
        : Readers(plan.lines * plan.readers_per_line), epoll_(::epoll_create1(EPOLL_CLOEXEC)), frames_(checks_.size()) {
        stopped_count_ = plan.stopped;
        for (std::size_t i = 0; i < checks_.size(); ++i) {
            const std::string request = text_of(wire::read_request("p" + std::to_string(i % plan.lines)));
            fds_.push_back(open_socket(bridge.web_port(), request));
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fds_[i].get(), &event);
        }
        worker_ = std::make_unique<Worker>([this](const std::atomic<bool>& stop) { run(stop); });
    }

private:
    void run(const std::atomic<bool>& stop) {
        std::vector<char> buffer(read_bytes);
        std::array<epoll_event, 64> events;
        while (!stop.load(std::memory_order_relaxed)) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
            for (int e = 0; e < count; ++e) {
                const std::size_t i = events[static_cast<std::size_t>(e)].data.u64;
                const ssize_t got = ::read(fds_[i].get(), buffer.data(), buffer.size());
                if (got > 0) feed(i, {buffer.data(), static_cast<std::size_t>(got)});
                if (got == 0) checks_[i].lost();
                if (got <= 0 || stopped(i)) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fds_[i].get(), nullptr);
            }
        }
    }

    void feed(std::size_t reader, std::span<const char> bytes) {
        StreamCheck& check = checks_[reader];
        const bool good = frames_[reader].feed(bytes, [&](std::string_view payload) {
            const grpc::Slice slice(payload.data(), payload.size());
            const grpc::ByteBuffer message(&slice, 1);
            if (!wire::take_item(message, [&](std::span<const std::byte> piece) { check.feed(piece); })) check.lost();
        });
        if (!good) check.lost();
    }

    base::Fd epoll_;
    std::vector<base::Fd> fds_;
    std::vector<Frames> frames_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace

std::unique_ptr<Readers> web_readers(const Bridge& bridge, const ReadPlan& plan) {
    return std::make_unique<WebReaders>(bridge, plan);
}

}  // namespace vserd::bench
