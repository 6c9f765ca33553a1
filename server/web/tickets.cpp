#include "web/tickets.hpp"

#include <utility>

#include "base/random.hpp"

namespace vserd::web {
namespace {

/// In hexadecimal, which a subprotocol of a WebSocket may have.
constexpr int ticket_words = 8;

}  // namespace

std::optional<std::string> Tickets::issue(access::Identity identity, Clock::time_point now) {
    if (entries_.size() >= tickets_max) drop_expired(now);
    std::string owner = to_string(identity);
    make_room(owner);
    if (entries_.size() >= tickets_max) return std::nullopt;
    std::string ticket = base::random_hex(ticket_words);
    entries_.insert_or_assign(ticket, Entry{std::move(owner), std::move(identity), now + ticket_limit});
    return ticket;
}

std::optional<access::Identity> Tickets::redeem(const std::string& ticket, Clock::time_point now) {
    auto found = entries_.extract(ticket);
    if (found.empty() || found.mapped().expires <= now) return std::nullopt;
    return std::move(found.mapped().identity);
}

void Tickets::make_room(const std::string& owner) {
    std::size_t count = 0;
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
        if (entry->second.owner != owner) continue;
        ++count;
        if (oldest == entries_.end() || entry->second.expires < oldest->second.expires) oldest = entry;
    }
    if (count >= tickets_of_one_max) entries_.erase(oldest);
}

void Tickets::drop_expired(Clock::time_point now) {
    std::erase_if(entries_, [now](const auto& entry) { return entry.second.expires <= now; });
}

}  // namespace vserd::web
