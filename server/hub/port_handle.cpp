#include "hub/port_handle.hpp"

#include <fmt/core.h>

#include <utility>

#include "hub/port_handle_audit.hpp"

namespace vserd::hub {
namespace {

using access::Role;

Error id_is_missing() {
    return {Failure::invalid_argument, 0, "id", "id is 0; give the id of the lease, as Acquire returned it"};
}

Error port_is_gone() { return {Failure::unavailable, 0, "", "the port was removed"}; }

Error trail_is_stuck() {
    return {Failure::unavailable, 0, "audit",
            "the audit trail cannot be written, and [access] audit_required permits no changes without it; see the "
            "server's journal"};
}

const char* direction_name(line::FlushDirection direction) {
    switch (direction) {
        case line::FlushDirection::input: return "input";
        case line::FlushDirection::output: return "output";
        case line::FlushDirection::both: return "both";
    }
    return "";
}

Error role_too_low(const Channel& channel, Role needed, Role held) {
    return {Failure::denied,
            0,
            std::string(to_string(needed)),
            fmt::format("this needs the role \"{}\" on port \"{}\"; you have \"{}\"", to_string(needed), channel.name(),
                        to_string(held)),
            {{"held", std::string(to_string(held))}}};
}

}  // namespace

Result<std::unique_ptr<Reader>> PortHandle::attach(const StartPoint& start, Sink& sink, SessionMode mode) {
    if (const auto access = check_access(Role::read); !access) return access.error();
    auto reader = channel()->attach(start, sink, writer_.get());
    if (reader) writer_->begin_session(mode);
    return reader;
}

void PortHandle::when_ended(std::function<void(const Error& why)> ended) { writer_->when_ended(std::move(ended)); }

void PortHandle::acquire(LeaseRequest& request) {
    const auto allowed = check_role(request.takeover ? Role::admin : Role::write);
    allowed ? writer_->acquire(request) : request.done(allowed.error());
}

Result<Lease> PortHandle::renew(std::uint64_t lease, std::optional<std::chrono::milliseconds> ttl) {
    if (const auto allowed = check_role(Role::write); !allowed) return allowed.error();
    if (lease == 0) return id_is_missing();
    return writer_->renew(lease, ttl);
}

Result<void> PortHandle::release(std::uint64_t lease) {
    if (auto allowed = check_role(Role::write); !allowed) return allowed;
    if (lease == 0) return id_is_missing();
    return writer_->release(lease);
}

void PortHandle::acquire_exclusive(bool takeover, std::string reason, const port::Reply<void>& reply) {
    const auto allowed = check_role(takeover ? Role::admin : Role::write);
    allowed ? writer_->acquire_exclusive(takeover, std::move(reason), reply) : reply(allowed.error());
}

void PortHandle::release_exclusive() {
    if (writer_ != nullptr) writer_->release_exclusive();
}

void PortHandle::present(std::uint64_t lease) noexcept {
    if (writer_ != nullptr) writer_->present(lease);
}

Result<void> PortHandle::check_role(Role needed) const {
    auto allowed = permission(needed);
    if (!allowed && channel() != nullptr) writer_->audit_refusal(allowed.error());
    return allowed;
}

/// As the rules say. While an audit trail that is required cannot be written, nothing may change.
Result<void> PortHandle::permission(Role needed) const {
    if (channel() == nullptr) return port_is_gone();
    if (writer_->role() < needed) return role_too_low(*channel(), needed, writer_->role());
    if (needed >= Role::write)
        if (auto device = channel()->check_device(); !device) return device;
    const access::AuditTrail* const trail = writer_->trail();
    if (needed >= Role::write && trail != nullptr && !trail->permits_changes()) return trail_is_stuck();
    return {};
}

Result<void> PortHandle::check_access(Role needed) const {
    auto access = check_role(needed);
    if (!access || needed < Role::write) return access;
    access = channel()->check_access(writer_.get());
    if (!access) writer_->audit_refusal(access.error());
    return access;
}

Result<void> PortHandle::use(Role needed) {
    if (auto allowed = check_role(needed); !allowed) return allowed;
    auto access = channel()->use(*writer_);
    if (!access) writer_->audit_refusal(access.error());
    return access;
}

void PortHandle::submit(PendingWrite& write) {
    Channel* const port = channel();
    if (port == nullptr) return write.done(port_is_gone());
    if (const auto allowed = check_role(Role::write); !allowed) return write.done(allowed.error());
    port->submit(*writer_, write);
}

void PortHandle::change_settings(const line::SettingsChange& change, const port::Deadline& deadline,
                                 const port::Reply<line::Settings>& reply) {
    if (const auto access = use(Role::control); !access) return reply(access.error());
    channel()->port().change_settings(change, deadline, audited(*writer_, "settings", {}, reply));
}

void PortHandle::set_modem_lines(const line::SignalChange& change, const port::Reply<line::Signals>& reply) {
    if (const auto access = use(Role::control); !access) return reply(access.error());
    channel()->port().set_signals(change, audited(*writer_, "modem_lines", {}, reply));
}

void PortHandle::send_break(std::chrono::milliseconds duration, const port::Deadline& deadline,
                            const port::Reply<void>& reply) {
    if (const auto access = use(Role::control); !access) return reply(access.error());
    channel()->port().send_break(duration, deadline,
                                 audited(*writer_, "break", fmt::format("{} ms", duration.count()), reply));
}

void PortHandle::flush(line::FlushDirection direction, const port::Reply<std::uint64_t>& reply) {
    if (const auto access = use(Role::control); !access) return reply(access.error());
    channel()->port().flush(direction, audited(*writer_, "flush", direction_name(direction), reply), writer_->name());
}

void PortHandle::yield(const std::string& reason, const port::Reply<void>& reply) {
    if (const auto access = use(Role::control); !access) return reply(access.error());
    writer_->yield(reason, audited(*writer_, "yield", reason, reply));
}

Result<std::uint32_t> PortHandle::notify(const std::string& text, const std::string& from) {
    if (const auto allowed = check_role(Role::write); !allowed) return allowed.error();
    if (access::AuditTrail* const trail = writer_->trail()) {
        access::AuditRecord record = writer_->record("notice");
        record.outcome = "ok";
        trail->add(std::move(record));
    }
    return channel()->notify(text, from);
}

void PortHandle::read_modem_lines(const port::Reply<line::Signals>& reply) {
    Channel* const port = channel();
    if (port == nullptr) return reply(port_is_gone());
    port->port().read_signals(reply);
}

void PortHandle::look(std::function<void()> done) {
    Channel* const port = channel();
    if (port == nullptr) return done();
    port->port().look(std::move(done));
}

}  // namespace vserd::hub
