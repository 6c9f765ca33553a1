#include "net/acceptor.hpp"

#include <fmt/core.h>
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
/// Pause after descriptors ran short, or while the front end takes no connections. New clients wait in the backlog.
constexpr int backoff_ms = 50;
/// Time between two checks of the connections: the usual, and while one of them sends much.
constexpr int interval_ms = 100;
constexpr int busy_interval_ms = 20;

std::uint64_t descriptors_for_connections() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 1024;
    // The kernel assigns the lowest free number, so a descriptor's number shows how many are in use.
    return descriptors_usable(limit.rlim_cur);
}

}  // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, Admission& admission, CountStreams count_streams, Warn warn)
    : listeners_(std::move(listeners)),
      admission_(admission),
      count_streams_(std::move(count_streams)),
      warn_(std::move(warn)),
      guard_(admission.memory_max()),
      descriptors_max_(descriptors_for_connections()),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      hand_over_([this](HandOver::Connection connection) {
          const Listener& listener = listeners_[connection.listener];
          listener.accepted(listener.socket.fd(), std::move(connection.descriptor));
      }) {
    if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "vserd-accept");
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::stop() {
    if (!thread_.joinable()) return;
    hand_over_.stop();  // first: it may have to wait until the check has closed a connection
    ::eventfd_write(wake_.get(), 1);
    thread_.join();
    listeners_.clear();
}

int Acceptor::wait_ms() const {
    if (short_of_room_) return backoff_ms;
    if (!probation_.empty() || admission_.connections().busy()) return busy_interval_ms;
    return idle_ ? -1 : interval_ms;
}

void Acceptor::run() {
    std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}};
    for (const Listener& listener : listeners_) waits.push_back({listener.socket.fd(), POLLIN, 0});
    auto swept = std::chrono::steady_clock::now();
    for (;;) {
        const int wait = wait_ms();
        if (::poll(waits.data(), short_of_room_ ? 1 : waits.size(), wait) < 0 && errno != EINTR) return;
        if ((waits[0].revents & POLLIN) != 0) return;
        if (idle_) guard_.set_baseline();
        short_of_room_ = false;
        const auto now = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < listeners_.size(); ++i) short_of_room_ |= !accept_some(i);
        admit_waiting(now);
        idle_ = admission_.connections().size() == 0;
        if (now - swept < std::chrono::milliseconds(busy_interval_ms)) continue;
        swept = now;
        probation_.forget_closed();
        sweep(now);
    }
}

void Acceptor::sweep(Probation::Clock::time_point now) {
    const auto closed = admission_.connections().sweep(now, guard_.excess(now), count_streams_, probation_);
    for (const Connections::Closed& each : closed) {
        admission_.count(each.abuse == Abuse::unexplained_bytes ? Refusal::connection_bytes
                         : each.abuse == Abuse::resets          ? Refusal::connection_resets
                                                                : Refusal::connection_memory);
        probation_.punish(each.address, now);
    }
    if (closed.empty() || !warn_) return;
    const std::string others = closed.size() > 1 ? fmt::format("; and {} more", closed.size() - 1) : std::string();
    warn_(
        fmt::format("closed the connection of {}: {}{}", closed.front().peer, describe(closed.front().abuse), others));
}

void Acceptor::admit_waiting(Probation::Clock::time_point now) {
    while (!hand_over_.full()) {
        auto waited = probation_.next(now);
        if (!waited) return;
        admit(waited->listener, std::move(waited->connection));
    }
}

void Acceptor::admit(std::size_t listener, base::Fd connection) {
    admission_.connections().add(connection.get());
    hand_over_.add({listener, std::move(connection)});
}

/// Returns whether more connections can be accepted.
bool Acceptor::accept_some(std::size_t listener) {
    for (int accepted = 0; accepted < accepted_per_turn_max; ++accepted) {
        if (hand_over_.full()) return false;
        const int socket = listeners_[listener].socket.fd();
        base::Fd connection(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connection) return !is_accept_short(errno);
        if (static_cast<std::uint64_t>(connection.get()) >= descriptors_max_) {
            refused_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        auto admitted = probation_.admit(std::move(connection), listener, Probation::Clock::now());
        refused_address_.store(probation_.refused(), std::memory_order_relaxed);
        if (admitted) admit(listener, std::move(*admitted));
    }
    return true;
}

}  // namespace vserd::net
