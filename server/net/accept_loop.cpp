#include "net/accept_loop.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

namespace vserd::net {
namespace {

using boost::asio::posix::stream_descriptor;
using ErrorCode = boost::system::error_code;

constexpr int accepted_at_once_max = 16;
constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace

struct AcceptLoop::Listener {
    Listener(boost::asio::io_context& context, ListenSocket from)
        : socket(std::move(from)), ready(context, socket.fd()), backoff(context) {}
    ~Listener() {
        if (ready.is_open()) ready.release();
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    ListenSocket socket;
    stream_descriptor ready;  ///< borrows the descriptor of `socket`
    boost::asio::steady_timer backoff;
};

AcceptLoop::AcceptLoop(boost::asio::io_context& context, std::vector<ListenSocket> sockets, Accepted accepted)
    : context_(context), accepted_(std::move(accepted)) {
    for (ListenSocket& socket : sockets) listeners_.push_back(std::make_unique<Listener>(context, std::move(socket)));
}

AcceptLoop::~AcceptLoop() { stop(); }

void AcceptLoop::start() {
    for (const auto& listener : listeners_) wait(*listener);
}

/// The handlers that the release has queued come first, with an error, and touch nothing.
void AcceptLoop::stop() {
    if (listeners_.empty()) return;
    for (const auto& listener : listeners_) {
        listener->backoff.cancel();
        listener->ready.release();
    }
    auto ended = std::make_shared<std::vector<std::unique_ptr<Listener>>>(std::exchange(listeners_, {}));
    boost::asio::post(context_, [ended] { ended->clear(); });
}

void AcceptLoop::wait(Listener& listener) {
    listener.ready.async_wait(stream_descriptor::wait_read, [this, &listener](const ErrorCode& error) {
        if (error || !listener.ready.is_open()) return;
        if (accept_some(listener)) return wait(listener);
        listener.backoff.expires_after(accept_pause);
        listener.backoff.async_wait([this, &listener](const ErrorCode& ended) {
            if (!ended && listener.ready.is_open()) wait(listener);
        });
    });
}

/// Returns false if descriptors or memory have run out.
bool AcceptLoop::accept_some(Listener& listener) {
    for (int accepted = 0; accepted < accepted_at_once_max; ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::Fd fd(
            ::accept4(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return !is_accept_short(errno);
        if (!accepted_(std::move(fd), peer, size)) return false;
    }
    return true;
}

}  // namespace vserd::net
