#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "access/identity.hpp"

namespace vserd::web {

inline constexpr std::chrono::seconds ticket_limit{30};
/// Tickets that wait to be used.
inline constexpr std::size_t tickets_max = 4096;
/// Those of one identity: the oldest makes room.
inline constexpr std::size_t tickets_of_one_max = 64;

/// Tickets for WebSockets, which cannot carry a token in a browser: random, for one use, and soon invalid. One thread.
class Tickets {
public:
    using Clock = std::chrono::steady_clock;

    /// Nothing: too many tickets wait.
    std::optional<std::string> issue(access::Identity identity, Clock::time_point now);
    /// Whose ticket that is. A second use finds nothing.
    std::optional<access::Identity> redeem(const std::string& ticket, Clock::time_point now);

private:
    struct Entry {
        std::string owner;  ///< the identity's first name
        access::Identity identity;
        Clock::time_point expires;
    };
    void drop_expired(Clock::time_point now);
    void make_room(const std::string& owner);

    std::map<std::string, Entry> entries_;
};

}  // namespace vserd::web
