#include "hub/session.hpp"

#include <fmt/core.h>

#include "hub/hub.hpp"

namespace vserd::hub {

access::Role Session::role(std::string_view port) const {
    return hub_.authority().policy.role_of(client_->identity, port);
}

access::AuthorityRef Session::authority() const { return hub_.shared_authority(); }

Result<void> Session::check_known() const {
    if (authority()->policy.knows(client_->identity)) return {};
    return Error{Failure::denied,
                 0,
                 "list",
                 fmt::format("no rule of this server grants anything to {}", access::to_string(client_->identity)),
                 {{"held", "none"}}};
}

void Session::add_certificate(std::string_view pem) {
    Client client = *client_;
    auto names = hub_.authority().authenticator.certificate(access::names_in_pem(pem));
    client.identity.names.insert(client.identity.names.end(), names.begin(), names.end());
    client_ = std::make_shared<const Client>(std::move(client));
}

void Session::for_each_port(const std::function<void(const Channel&)>& visit) const {
    for (const auto& [name, channel] : hub_.channels()) {
        if (role(name) >= access::Role::list) visit(*channel);
    }
}

const Channel* Session::find(std::string_view port) const {
    return role(port) >= access::Role::list ? hub_.find(port) : nullptr;
}

const Channel* Session::port_after(std::string_view name) const {
    const auto& channels = hub_.channels();
    auto next = channels.upper_bound(name);
    while (next != channels.end() && role(next->first) < access::Role::list) ++next;
    return next == channels.end() ? nullptr : next->second.get();
}

Result<PortHandle> Session::open(std::string_view port) {
    const auto channel = hub_.require(port, client_->identity);
    if (!channel) {
        audit_hidden(port);
        return channel.error();
    }
    return PortHandle(**channel, client_, role(port));
}

void Session::audit_unknown(std::string_view via, const std::string& peer, const Error& why) const {
    access::AuditTrail* const trail = hub_.sessions().trail();
    if (trail == nullptr) return;
    trail->add({.event = "refused",
                .via = std::string(via),
                .peer = peer,
                .outcome = "not authenticated",
                .detail = why.message});
}

/// The trail tells a port that the client may not list from one that does not exist.
void Session::audit_hidden(std::string_view port) const {
    access::AuditTrail* const trail = hub_.sessions().trail();
    if (trail == nullptr || hub_.find(port) == nullptr) return;
    access::AuditRecord record = record_of(*client_, "refused");
    record.port = port;
    record.role = to_string(role(port));
    record.outcome = "role too low";
    trail->add(std::move(record));
}

Result<StreamSlot> Session::open_stream() { return hub_.open_stream(); }

void Session::add_watcher(PortWatcher& watcher) { hub_.add_watcher(watcher); }
void Session::remove_watcher(PortWatcher& watcher) noexcept { hub_.remove_watcher(watcher); }

io::Loop& Session::loop() const noexcept { return hub_.loop(); }
bool Session::shutting_down() const noexcept { return hub_.shutting_down(); }
DeliveryHistogram& Session::delivery() noexcept { return hub_.delivery(); }

}  // namespace vserd::hub
