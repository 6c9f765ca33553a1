#include "net/acceptor.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace vserd::net {
namespace {

constexpr int accepted_per_turn_max = 64;
/// After descriptors or memory were short: others close theirs meanwhile, and new clients wait in the backlog.
constexpr int backoff_ms = 50;
/// Between two looks at the connections, while there are any.
constexpr std::chrono::milliseconds sweep_interval{100};

std::uint64_t descriptors_for_connections() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 1024;
    // Numbers are handed out from the lowest free one, so a number tells how many there are.
    return descriptors_usable(limit.rlim_cur);
}

}  // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, Admission& admission, Warn warn)
    : listeners_(std::move(listeners)),
      admission_(admission),
      warn_(std::move(warn)),
      guard_(admission.memory_max()),
      descriptors_max_(descriptors_for_connections()),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "vserd-accept");
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::stop() {
    if (!thread_.joinable()) return;
    ::eventfd_write(wake_.get(), 1);
    thread_.join();
    listeners_.clear();
}

void Acceptor::run() {
    std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}};
    for (const Listener& listener : listeners_) waits.push_back({listener.socket.fd(), POLLIN, 0});
    bool short_of_descriptors = false;
    auto swept = std::chrono::steady_clock::now();
    for (;;) {
        const nfds_t count = short_of_descriptors ? 1 : waits.size();
        const bool idle = admission_.connections().size() == 0;
        const int interval = short_of_descriptors ? backoff_ms : static_cast<int>(sweep_interval.count());
        if (::poll(waits.data(), count, idle && !short_of_descriptors ? -1 : interval) < 0 && errno != EINTR) return;
        if ((waits[0].revents & POLLIN) != 0) return;
        if (idle) guard_.set_baseline();
        short_of_descriptors = false;
        for (const Listener& listener : listeners_) short_of_descriptors |= !accept_some(listener);
        if (const auto now = std::chrono::steady_clock::now(); now - swept >= sweep_interval) {
            swept = now;
            sweep();
        }
    }
}

void Acceptor::sweep() {
    const auto closed = admission_.connections().sweep(std::chrono::steady_clock::now(), guard_.excess());
    for (const Connections::Closed& each : closed) {
        admission_.count(each.abuse == Abuse::unexplained_bytes ? Refusal::connection_bytes
                         : each.abuse == Abuse::too_many_calls  ? Refusal::connection_calls
                                                                : Refusal::connection_memory);
    }
    if (closed.empty() || !warn_) return;
    warn_("closed the connection of " + closed.front().peer + ": " + describe(closed.front().abuse) +
          (closed.size() > 1 ? "; and " + std::to_string(closed.size() - 1) + " more" : ""));
}

/// Whether there are descriptors for more.
bool Acceptor::accept_some(const Listener& listener) {
    for (int accepted = 0; accepted < accepted_per_turn_max; ++accepted) {
        base::Fd connection(::accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connection) {
            const bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
            return !is_short;  // else there is none waiting, or it went away while it waited
        }
        if (static_cast<std::uint64_t>(connection.get()) >= descriptors_max_) {
            refused_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        admission_.connections().add(connection.get());
        listener.accepted(listener.socket.fd(), std::move(connection));
    }
    return true;
}

}  // namespace vserd::net
