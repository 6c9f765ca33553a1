#include "net/probation.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "net/tcp_traffic.hpp"

namespace vserd::net {
namespace {

using namespace std::chrono_literals;

/// Time between two admitted connections of an address.
constexpr Probation::Clock::duration interval = 150ms;
constexpr Probation::Clock::duration forgotten_after = 10s;
constexpr std::size_t offenders_max = 4096;
/// Low, so that other clients at the same address wait only some seconds.
constexpr std::size_t waiting_of_address_max = 16;
constexpr std::size_t waiting_max = 256;

}  // namespace

std::string peer_address(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0) return {};
    if (name.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(name).sin_addr;
        return {reinterpret_cast<const char*>(&v4), sizeof v4};
    }
    if (name.ss_family != AF_INET6) return {};
    const auto* bytes = reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6&>(name).sin6_addr);
    const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6&>(name).sin6_addr);
    return is_mapped ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

void Probation::punish(const std::string& address, Clock::time_point now) {
    if (address.empty()) return;
    std::erase_if(offenders_,
                  [now](const auto& entry) { return entry.second.forgotten <= now && entry.second.waiting.empty(); });
    if (offenders_.size() >= offenders_max && !offenders_.contains(address)) return;
    Offender& offender = offenders_[address];
    offender.next = std::max(offender.next, now + interval);
    offender.forgotten = now + forgotten_after;
}

bool Probation::has(const std::string& address, Clock::time_point now) const {
    const auto found = offenders_.find(address);
    return found != offenders_.end() && found->second.forgotten > now;
}

/// Removes and returns a random waiting connection.
Probation::Waiting Probation::draw(Offender& offender) {
    std::swap(offender.waiting[random_() % offender.waiting.size()], offender.waiting.back());
    Waiting drawn = std::move(offender.waiting.back());
    offender.waiting.pop_back();
    --waiting_;
    return drawn;
}

std::optional<base::Fd> Probation::admit(base::Fd connection, std::size_t listener, Clock::time_point now) {
    const auto found = offenders_.empty() ? offenders_.end() : offenders_.find(peer_address(connection.get()));
    if (found == offenders_.end()) return connection;
    Offender& offender = found->second;
    if (offender.waiting.empty() && (offender.next <= now || offender.forgotten <= now)) {
        offender.next = now + interval;
        return connection;
    }
    if (offender.waiting.empty() && waiting_ >= waiting_max) {
        ++refused_;
        return std::nullopt;
    }
    offender.waiting.push_back({std::move(connection), listener});
    ++waiting_;
    if (offender.waiting.size() > waiting_of_address_max || waiting_ > waiting_max) {
        draw(offender);
        ++refused_;
    }
    return std::nullopt;
}

std::optional<Probation::Waiting> Probation::next(Clock::time_point now) {
    if (waiting_ == 0) return std::nullopt;
    for (auto& [address, offender] : offenders_) {
        if (offender.waiting.empty() || offender.next > now) continue;
        offender.next = now + interval;
        return draw(offender);
    }
    return std::nullopt;
}

void Probation::forget_closed() {
    for (auto& [address, offender] : offenders_) {
        waiting_ -= std::erase_if(offender.waiting,
                                  [](const Waiting& each) { return !tcp_traffic(each.connection.get()).peer_open; });
    }
}

}  // namespace vserd::net
