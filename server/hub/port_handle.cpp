#include "hub/port_handle.hpp"

#include <fmt/core.h>

#include <utility>

namespace vserd::hub {
namespace {

using access::Role;

Error port_is_gone() { return {Failure::unavailable, 0, "", "the port was removed"}; }

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

Result<void> PortHandle::acquire_exclusive() {
    if (const auto access = check_access(Role::write); !access) return access;
    return writer_->acquire_exclusive();
}

Result<void> PortHandle::check_access(Role needed) const {
    if (const auto allowed = check_role(needed); !allowed) return allowed;
    return needed >= Role::write ? channel()->check_access(writer_.get()) : Result<void>{};
}

Result<void> PortHandle::check_role(Role needed) const {
    const Channel* const port = channel();
    if (port == nullptr) return port_is_gone();
    if (writer_->role() < needed) return role_too_low(*port, needed, writer_->role());
    return {};
}

void PortHandle::submit(PendingWrite& write) {
    Channel* const port = channel();
    if (port == nullptr) return write.done(port_is_gone());
    if (const auto allowed = check_role(Role::write); !allowed) return write.done(allowed.error());
    port->submit(*writer_, write);
}

void PortHandle::change_settings(const line::SettingsChange& change, const port::Deadline& deadline,
                                 const port::Reply<line::Settings>& reply) {
    if (const auto access = check_access(Role::control); !access) return reply(access.error());
    channel()->port().change_settings(change, deadline, reply);
}

void PortHandle::set_modem_lines(const line::SignalChange& change, const port::Reply<line::Signals>& reply) {
    if (const auto access = check_access(Role::control); !access) return reply(access.error());
    channel()->port().set_signals(change, reply);
}

void PortHandle::send_break(std::chrono::milliseconds duration, const port::Deadline& deadline,
                            const port::Reply<void>& reply) {
    if (const auto access = check_access(Role::control); !access) return reply(access.error());
    channel()->port().send_break(duration, deadline, reply);
}

void PortHandle::flush(line::FlushDirection direction, const port::Reply<std::uint64_t>& reply) {
    if (const auto access = check_access(Role::control); !access) return reply(access.error());
    channel()->port().flush(direction, reply, writer_->name());
}

void PortHandle::yield(const std::string& reason, const port::Reply<void>& reply) {
    if (const auto access = check_access(Role::control); !access) return reply(access.error());
    writer_->yield(reason, reply);
}

Result<std::uint32_t> PortHandle::notify(const std::string& text, const std::string& from) {
    if (const auto allowed = check_role(Role::write); !allowed) return allowed.error();
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
