#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "hub/hub.hpp"
#include "hub/session.hpp"

namespace vserd::hub {
namespace {

using access::Role;

Error no_session(std::string_view id) {
    return {
        Failure::no_session, 0, base::printable_text(id),
        fmt::format(
            "no session \"{}\": it has ended, or the id is wrong; ListSessions (vserctl who) shows the present ones",
            base::printable_text(id))};
}

}  // namespace

std::string Session::signature(const std::string& name) const {
    std::string shown = name.empty() ? shown_name(*client_) : name;
    // So that nobody can give himself the identity of another.
    std::ranges::replace(shown, '(', '[');
    std::ranges::replace(shown, ')', ']');
    if (client_->identity.names.empty()) return shown;
    return fmt::format("{} ({})", shown, access::to_string(client_->identity));
}

std::vector<SessionInfo> Session::sessions(const Channel& channel) const {
    const bool is_admin = role(channel.name()) >= Role::admin;
    std::vector<SessionInfo> list;
    channel.for_each_session([&](const Writer& writer) {
        SessionInfo& info = list.emplace_back(writer.session_info());
        const bool is_own =
            info.client->identity.names == client_->identity.names && info.client->peer == client_->peer;
        info.shows_client = is_admin || is_own;
    });
    return list;
}

Result<void> Session::end_session(const std::string& id, const std::string& by, const std::string& reason) {
    const std::uint64_t session = hub_.sessions().number_of(id);
    for (const auto& [port, channel] : hub_.channels()) {
        const Role held = role(port);
        if (session == 0 || held < Role::list || !channel->has_session(session)) continue;
        if (auto allowed = PortHandle(*channel, client_, held).check_role(Role::admin); !allowed) return allowed;
        if (access::AuditTrail* const trail = hub_.sessions().trail()) {
            access::AuditRecord record = record_of(*client_, "end_session");
            record.port = port;
            record.session = id;
            record.role = to_string(held);
            record.outcome = "ok";
            record.detail = reason;
            trail->add(std::move(record));
        }
        channel->end_session(session, {Failure::ended, 0, by,
                                       fmt::format("session {} on port \"{}\" was ended by {}{}{}", id, port, by,
                                                   reason.empty() ? "" : ": ", reason)});
        return {};
    }
    return no_session(id);
}

}  // namespace vserd::hub
