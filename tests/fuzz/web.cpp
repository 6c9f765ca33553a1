// What a client of the web face sends, on a socket: through Beast as we configure it, our checks, Connect's calls and WebSockets. It
// lives on, what it answers is HTTP or frames, and in the end it holds nothing.
//
// The first byte says what is sent before the input (nothing, the head of a call, an upgrade), the second one the size of the
// pieces.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "hub/hub.hpp"
#include "io/engine_select.hpp"
#include "io/loop.hpp"
#include "net/admission.hpp"
#include "web/http_connection.hpp"
#include "web/site.hpp"

using namespace vserd;

namespace {

constexpr std::uint64_t memory_max = std::uint64_t{4} << 20;
constexpr int replies_max = 20;
constexpr int turns_max = 2000;
constexpr std::size_t pieces_max = 32;

/// Answers each message by itself, and ends after some.
class Echo final : public hub::Calls {
public:
    explicit Echo(boost::asio::io_context& context) : context_(context) {}

    std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) override {
        auto state = std::make_shared<State>(State{context_, std::move(handlers), std::move(request.message)});
        state->reply();
        if (shape == Shape::both_stream) state->taken();
        if (shape == Shape::unary) state->end(0);
        return std::make_unique<Handle>(std::move(state));
    }

private:
    struct State : std::enable_shared_from_this<State> {
        State(boost::asio::io_context& where, Handlers all, std::string text)
            : context(where), handlers(std::move(all)), message(std::move(text)) {}

        template <class Work>
        void post(Work work) {
            boost::asio::post(context, [self = shared_from_this(), work] {
                if (!self->ended) work(*self);
            });
        }
        void reply() {
            if (++replies > replies_max) return end(5);
            post([](State& self) {
                const auto owner = std::make_shared<const std::string>(self.message);
                self.handlers.replied({{std::as_bytes(std::span(*owner))}, owner});
            });
        }
        void taken() {
            post([](State& self) { self.handlers.written(); });
        }
        void end(int code) {
            post([code](State& self) {
                self.ended = true;
                std::exchange(self.handlers, {}).ended({code, code == 0 ? "" : "it is enough\n", {}});
            });
        }

        boost::asio::io_context& context;
        Handlers handlers;
        std::string message;
        int replies = 0;
        bool ended = false;
    };

    class Handle final : public Call {
    public:
        explicit Handle(std::shared_ptr<State> state) : state_(std::move(state)) {}
        ~Handle() override { state_->end(1); }
        Handle(const Handle&) = delete;
        Handle& operator=(const Handle&) = delete;
        void read() override { state_->reply(); }
        void write(const std::string& message) override {
            state_->message = message;
            state_->taken();
        }
        void cancel() override { state_->end(1); }

    private:
        std::shared_ptr<State> state_;  // shared with what is posted
    };

    boost::asio::io_context& context_;
};

/// The one connection.
class Only final : public web::Registry {
public:
    void replace(const web::Connection& /*old*/, std::shared_ptr<web::Connection> by) override {
        open_ = std::move(by);
    }
    void remove(const web::Connection& /*connection*/) override { open_.reset(); }
    std::shared_ptr<web::Connection> open() const { return open_; }

private:
    std::shared_ptr<web::Connection> open_;
};

struct Rig {
    std::unique_ptr<io::Loop> loop = std::make_unique<io::Loop>(std::move(io::select_engine("epoll")->engine));
    hub::Hub hub{*loop};
    hub::Session session{hub, {.identity = access::internal_identity()}};
    net::Admission admission{memory_max};
    boost::asio::io_context context{1};
    Echo calls{context};
    web::Site site{{{"127.0.0.1:8080"}, {}, [] { return std::string(10000, 'm'); }, nullptr, "vser.v1"},
                   calls,
                   admission,
                   session,
                   context};
};

class Exchange {
public:
    explicit Exchange(Rig& rig) : rig_(rig) {
        std::array<int, 2> ends{};
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0,
                "there are sockets");
        client_ = base::Fd(ends[0]);
        auto stream = std::make_unique<web::Stream>(rig.context, base::Fd(ends[1]), false, nullptr);
        const web::Peer peer{.address = "127.0.0.1:4711", .local_host = "127.0.0.1", .is_local = true};
        const auto connection = std::make_shared<web::HttpConnection>(std::move(stream), peer, rig.site, only_);
        only_.replace(*connection, connection);
        connection->start();
        run();
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange() {
        ::shutdown(client_.get(), SHUT_WR);
        run();
        client_ = {};
        run();
        if (const auto left = only_.open()) left->close();
        run();
    }

    void send(std::string_view text, std::size_t piece) {
        for (int turn = 0; !text.empty() && only_.open() && turn < turns_max; ++turn) {
            const ssize_t sent = ::send(client_.get(), text.data(), std::min(piece, text.size()), MSG_NOSIGNAL);
            if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
            run();
        }
    }
    const std::string& received() const noexcept { return received_; }

private:
    /// Until nothing happens any more, except by the clock.
    void run() {
        for (int turn = 0; turn < turns_max; ++turn) {
            rig_.context.restart();
            const std::size_t ran = rig_.context.poll();
            const ssize_t got = client_ ? ::recv(client_.get(), buffer_.data(), buffer_.size(), 0) : 0;
            if (got > 0) received_.append(buffer_.data(), static_cast<std::size_t>(got));
            if (ran == 0 && got <= 0) return;
        }
    }

    Rig& rig_;
    base::Fd client_;
    Only only_;
    std::string received_;
    std::vector<char> buffer_ = std::vector<char>(16384);
};

std::string post_head(std::string_view method, std::string_view type, std::size_t size) {
    return "POST /vser.v1." + std::string(method) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/" +
           std::string(type) + "\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

std::string upgrade_of(std::string_view path) {
    return "GET " + std::string(path) +
           " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: vser.v1\r\n\r\n";
}

/// Server frames: whole, without a mask, with an opcode that exists. The last one may be cut off by the end of the connection.
void check_frames(std::string_view text) {
    while (text.size() >= 2) {
        const auto first = static_cast<std::uint8_t>(text[0]);
        const auto second = static_cast<std::uint8_t>(text[1]);
        const unsigned opcode = first & 0x0FU;
        require((first & 0x70U) == 0 && (opcode <= 2 || (opcode >= 8 && opcode <= 10)),
                "a frame of ours has a known opcode");
        require((second & 0x80U) == 0, "a frame of ours has no mask");
        std::uint64_t size = second;
        std::size_t head = 2;
        const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (more > 0) size = 0;
        if (text.size() < head + more) return;
        for (std::size_t i = 0; i < more; ++i) size = size << 8U | static_cast<std::uint8_t>(text[head + i]);
        head += more;
        if (text.size() - head < size) return;
        text.remove_prefix(head + size);
    }
}

void check(std::string_view received) {
    if (received.empty()) return;
    require(received.starts_with("HTTP/1.1 "), "an answer is HTTP");
    const std::size_t end = received.find("\r\n\r\n");
    require(end != std::string_view::npos, "a head is complete");
    const std::string_view head = received.substr(0, end);
    if (head.starts_with("HTTP/1.1 101 ")) return check_frames(received.substr(end + 4));
    if (head.starts_with("HTTP/1.1 100 ")) return;
    require(head.find("\r\nX-Content-Type-Options: nosniff") != std::string_view::npos,
            "browsers may not guess what it is");
}

constexpr std::array<std::string_view, 4> methods{"PortService/SetFormat", "ConsoleService/Write",
                                                  "PortService/ListPorts", "LeaseService/Acquire"};
constexpr std::array<std::string_view, 4> sockets{"/attach", "/read", "/collect", "/watch"};

/// What is sent before the input.
std::string prefix_of(std::uint8_t choice, std::size_t size) {
    const std::size_t which = (choice >> 2U) % 4;
    switch (choice % 4) {
        case 1: return post_head(methods.at(which), (choice & 0x10U) != 0 ? "proto" : "json", size);
        case 2: return upgrade_of(sockets.at(which));
        default: return {};
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Rig rig;
    Input input(data, size);
    const std::uint8_t choice = input.byte();
    const std::size_t wanted = 1 + std::size_t{input.byte()} * 64;
    const std::string_view text = input.rest();
    const std::size_t piece = std::max(wanted, text.size() / pieces_max);
    std::string received;
    {
        Exchange exchange(rig);
        const std::string prefix = prefix_of(choice, text.size());
        exchange.send(prefix, prefix.size());
        exchange.send(text, piece);
        received = exchange.received();
    }
    check(received);
    rig.site.live_calls().wait_until_none();
    require(rig.admission.held_bytes() == 0, "it holds nothing in the end");
    return 0;
}
