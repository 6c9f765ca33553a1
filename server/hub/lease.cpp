#include "hub/lease.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>

namespace vserd::hub {
namespace {

using std::chrono::milliseconds;

std::string utc_text(log::WallTime time) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::floor<std::chrono::seconds>(time));
}

std::vector<std::pair<std::string, std::string>> details_of(const Lease& held) {
    return {{"via", held.holder.via}, {"since", utc_text(held.since)}, {"reason", held.reason}};
}

}  // namespace

log::WallTime Lease::expires_wall() const {
    const auto left = std::chrono::duration_cast<milliseconds>(expires - std::chrono::steady_clock::now());
    return std::chrono::system_clock::now() + left;
}

Error lease_held_error(const std::string& port, const Lease& held) {
    const std::string& holder = held.holder.client;
    std::string message = fmt::format("port \"{}\" is held exclusively by \"{}\"", port, holder);
    if (!held.reason.empty()) message += fmt::format(" ({})", held.reason);
    message += held.ttl ? fmt::format("; wait for its lease to end (vserctl lease {} --wait 10m), or only read", port)
                        : "; wait until that client detaches, or only read";
    return {Failure::refused, 0, holder, std::move(message), details_of(held)};
}

Error lease_lost_error(const std::string& port, std::uint64_t lease, const Lease* held) {
    std::string message = fmt::format("lease {} of port \"{}\" has ended", lease, port);
    if (held == nullptr) return {Failure::lease_lost, 0, "", message + "; acquire a new one"};
    message += fmt::format("; the port is held exclusively by \"{}\" now", held->holder.client);
    if (!held->reason.empty()) message += fmt::format(" ({})", held->reason);
    return {Failure::lease_lost, 0, held->holder.client, std::move(message), details_of(*held)};
}

std::uint64_t next_lease_id(std::uint64_t last, log::WallTime now) {
    const auto clock = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
    return std::max(last + 1, static_cast<std::uint64_t>(std::max<milliseconds::rep>(clock, 1)));
}

}  // namespace vserd::hub
