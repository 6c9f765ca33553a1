#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "hub/hub.hpp"
#include "instructions/steps.hpp"
#include "io/engine_select.hpp"
#include "io/pty.hpp"
#include "rpc/data_cache.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t message_bytes_max = std::size_t{64} << 10;
constexpr std::size_t tty_bytes_max = 4000;  ///< what the kernel's terminal passes on at once

template <class T>
T need(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
}

/// Takes what a stream of gRPC takes, and encodes it.
class Encoder : public hub::Sink {
public:
    void start(hub::PortHandle& port) {
        reader_ = need(port.attach(hub::StartLive{}, *this));
        on_available();
    }
    void on_available() override {
        while (const auto item = reader_->next(message_bytes_max)) {
            const auto* data = std::get_if<log::DataItem>(&*item);
            if (data == nullptr) continue;
            keep(cache_.encode(*data, /*shared=*/false));
            bytes += data->size;
        }
    }
    void on_closed(const Error& /*why*/) override { reader_.reset(); }
    std::size_t bytes = 0;

private:
    rpc::DataCache cache_;
    std::unique_ptr<hub::Reader> reader_;
};

/// A port on a pseudo terminal. The loop is turned only when the kernel has something, so that each run is like the others.
class Bridge {
public:
    Bridge() {
        hub::HubConfig config;
        // Too fast to rest (io/read_rest.hpp), because the rest ends with a timer.
        const auto settings = need(line::with_change({}, {.baud = 921'600}));
        config.ports.push_back({"p", "", device_.path, settings, port::tx_queue_bytes_default});
        hub_.apply(config);
        while (hub_.find("p")->port().state() != port::PortState::online) turn();
        port_ = need(session_.open("p"));
        encoder_.start(port_);
        loop_.poll_once();
    }
    ~Bridge() {
        bool done = false;
        port_ = {};
        hub_.shut_down(std::chrono::milliseconds{0}, [&done] { done = true; });
        while (!done) turn();
    }

    /// The client sends `bytes`, and the device receives them.
    void send(std::string_view bytes) {
        bool taken = false;
        hub::PendingWrite write;
        write.bytes = std::as_bytes(std::span{bytes});
        write.done = [&taken](const Result<void>& /*result*/) { taken = true; };
        port_.submit(write);
        loop_.poll_once();
        std::array<char, tty_bytes_max> received;
        for (std::size_t size = 0; size < bytes.size();) {
            wait(device_.master.get());
            size += static_cast<std::size_t>(::read(device_.master.get(), received.data(), received.size()));
        }
        if (!taken) std::exit(1);
    }

    /// The device sends `bytes`, and they become messages.
    void receive(std::string_view bytes) {
        const std::size_t until = encoder_.bytes + bytes.size();
        if (::write(device_.master.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
            std::exit(1);
        while (encoder_.bytes < until) {
            wait(loop_.engine().wait_fd());
            loop_.poll_once();
        }
    }

private:
    static void wait(int fd) {
        pollfd one{fd, POLLIN, 0};
        ::poll(&one, 1, -1);
    }
    /// Also for what comes from other threads.
    void turn() {
        if (!loop_.poll_once()) ::usleep(200);
    }

    io::Pty device_ = need(io::open_pty());
    io::Loop loop_{need(io::select_engine("epoll")).engine};
    hub::Hub hub_{loop_};
    hub::Session session_{hub_, {}};
    hub::PortHandle port_;
    Encoder encoder_;
};

}  // namespace

void count_port() {
    Bridge bridge;
    count("port echo 1 B", 1000, [&] {
        bridge.send("x");
        bridge.receive("x");
    });
    const std::string piece(115, 'x');
    count("port to message 115 B", 1000, [&] { bridge.receive(piece); });
    const std::string block(tty_bytes_max, 'x');
    count("port to messages 1 MB", 4, [&] {
        for (int i = 0; i < 250; ++i) bridge.receive(block);
    });
    count("client to port 64 B", 1000, [&] { bridge.send(std::string_view(block).substr(0, 64)); });
    count("client to port 4000 B", 250, [&] { bridge.send(block); });
}

}  // namespace vserd::bench
