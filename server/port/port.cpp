#include "port/port.hpp"

#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {

Port::Port(PortEnvironment environment, PortConfig config, Listener& listener)
    : impl_(std::make_shared<Impl>(environment, std::move(config), listener)) {}

Port::~Port() = default;

void Port::start(PortResume resume) { impl_->start(std::move(resume)); }
void Port::stop(std::function<void()> done) { impl_->stop(std::move(done)); }
void Port::reconfigure(const PortConfig& config, Reply<line::Settings> reply) {
    impl_->reconfigure(config, std::move(reply));
}

const PortConfig& Port::config() const noexcept { return impl_->config; }
PortState Port::state() const noexcept { return impl_->state; }
const std::string& Port::offline_reason() const noexcept { return impl_->offline_reason; }
const line::Settings& Port::settings() const noexcept { return impl_->settings; }
std::optional<line::Signals> Port::signals() const noexcept { return impl_->signals; }
std::optional<line::Capabilities> Port::capabilities() const noexcept { return impl_->capabilities; }
line::Kind Port::kind() const noexcept { return impl_->kind; }
bool Port::terminal_closed() const noexcept { return impl_->terminal_closed(); }
std::string_view Port::engine() const noexcept { return impl_->engine(); }
std::uint64_t Port::tx_offset() const noexcept { return impl_->tx_offset; }
std::size_t Port::tx_queue_bytes() const noexcept { return impl_->queue.bytes(); }
const std::vector<std::string>& Port::foreign_readers() const noexcept { return impl_->foreign_readers; }
bool Port::held_by_flow_control() const noexcept { return impl_->held(); }
const std::shared_ptr<PortStats>& Port::stats() const noexcept { return impl_->stats; }

void Port::look(std::function<void()> done) { impl_->look(std::move(done)); }

std::size_t Port::transmit(std::span<const std::byte> bytes) { return impl_->transmit(bytes); }

void Port::change_settings(const line::SettingsChange& change, Deadline deadline, Reply<line::Settings> reply) {
    if (auto valid = line::with_change(impl_->settings, change); !valid) return reply(valid.error());
    impl_->submit({change, std::move(deadline), std::move(reply)});
}

void Port::set_signals(const line::SignalChange& change, Reply<line::Signals> reply) {
    impl_->set_signals(change, std::move(reply));
}

void Port::read_signals(Reply<line::Signals> reply) { impl_->read_signals(std::move(reply)); }

void Port::send_break(std::chrono::milliseconds duration, Deadline deadline, Reply<void> reply) {
    if (duration < break_duration_min || duration > break_duration_max) {
        return reply(Error{Failure::invalid_argument, 0, "duration",
                           "duration is " + std::to_string(duration.count()) + " ms; give 1 ms to 5000 ms"});
    }
    impl_->submit({duration, std::move(deadline), [reply = std::move(reply)](const Result<line::Settings>& result) {
                       result ? reply({}) : reply(result.error());
                   }});
}

void Port::flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client) {
    impl_->flush(direction, std::move(reply), std::move(client));
}

}  // namespace vserd::port
