#include "hub/port_handle.hpp"

#include <utility>

namespace vserd::hub {
namespace {

Error port_is_gone() { return {Failure::unavailable, 0, "", "the port was removed"}; }

}  // namespace

Result<std::unique_ptr<Reader>> PortHandle::attach(const StartPoint& start, Sink& sink) {
    Channel* const port = channel();
    if (port == nullptr) return port_is_gone();
    return port->attach(start, sink);
}

Result<void> PortHandle::acquire_exclusive() {
    if (channel() == nullptr) return port_is_gone();
    return writer_->acquire_exclusive();
}

Result<void> PortHandle::check_access() const {
    const Channel* const port = channel();
    if (port == nullptr) return port_is_gone();
    return port->check_access(writer_.get());
}

void PortHandle::submit(PendingWrite& write) {
    Channel* const port = channel();
    if (port == nullptr) return write.done(port_is_gone());
    port->submit(*writer_, write);
}

void PortHandle::change_settings(const line::SettingsChange& change, const port::Deadline& deadline,
                                 const port::Reply<line::Settings>& reply) {
    if (const auto access = check_access(); !access) return reply(access.error());
    channel()->port().change_settings(change, deadline, reply);
}

void PortHandle::set_modem_lines(const line::SignalChange& change, const port::Reply<line::Signals>& reply) {
    if (const auto access = check_access(); !access) return reply(access.error());
    channel()->port().set_signals(change, reply);
}

void PortHandle::send_break(std::chrono::milliseconds duration, const port::Deadline& deadline,
                            const port::Reply<void>& reply) {
    if (const auto access = check_access(); !access) return reply(access.error());
    channel()->port().send_break(duration, deadline, reply);
}

void PortHandle::flush(line::FlushDirection direction, const port::Reply<std::uint64_t>& reply) {
    if (const auto access = check_access(); !access) return reply(access.error());
    channel()->port().flush(direction, reply, writer_->client());
}

void PortHandle::yield(const std::string& reason, const port::Reply<void>& reply) {
    if (channel() == nullptr) return reply(port_is_gone());
    writer_->yield(reason, reply);
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
