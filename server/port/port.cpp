#include "port/port.hpp"

#include <fmt/core.h>

#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {

Port::Impl::Impl(PortEnvironment environment, PortConfig config, Listener& listener)
    : status(std::move(config), listener),
      calls(environment.workers, status.config.device, life),
      transmitter(environment.loop, status, calls, life),
      watch(environment, status, calls, transmitter, life),
      connection(environment, status, calls, transmitter, watch, life, [this] { apply_configured(); }) {}

void Port::Impl::start(PortResume resume) {
    transmitter.resume_at(resume.tx_offset);
    if (resume.settings) {
        status.wanted = *resume.settings;
        status.show_settings(*resume.settings);
    }
    connection.start(std::move(resume));
}

void Port::Impl::reconfigure(const PortConfig& wanted, Reply<line::Settings> reply) {
    PortConfig& config = status.config;
    const bool same_settings = wanted.settings == config.settings;
    const bool same_options = wanted.line == config.line && wanted.reopen_pts == config.reopen_pts;
    config = wanted;
    if (!same_options) connection.options_changed();
    reconfigured_ = std::move(reply);
    transmitter.set_queue_bytes_max(config.tx_queue_bytes_max);
    if (same_settings) return;
    status.wanted = config.settings;
    if (status.is_online()) return apply_configured();
    status.show_settings(status.wanted);
}

void Port::Impl::apply_configured() {
    const line::Settings& configured = status.config.settings;
    const line::Format& format = configured.format;
    const line::SettingsChange all{configured.baud, format.data_bits, format.parity, format.stop_bits,
                                   format.flow_control};
    transmitter.submit({all, Deadline::Clock::time_point::max(), [this](Result<line::Settings> result) {
                            // The device disconnected, so the settings apply at the next open, whatever was requested before.
                            if (!status.is_online()) status.settings = status.wanted = status.config.settings;
                            reconfigured_(std::move(result));
                        }});
}

Port::Port(PortEnvironment environment, PortConfig config, Listener& listener)
    : impl_(std::make_shared<Impl>(environment, std::move(config), listener)) {
    impl_->life.bind(impl_);
}

Port::~Port() = default;

void Port::start(PortResume resume) { impl_->start(std::move(resume)); }
void Port::stay_offline(std::string reason) { impl_->status.offline_reason = std::move(reason); }
void Port::stop(std::function<void()> done) { impl_->connection.stop(std::move(done)); }
void Port::reconfigure(const PortConfig& config, Reply<line::Settings> reply) {
    impl_->reconfigure(config, std::move(reply));
}

const PortConfig& Port::config() const noexcept { return impl_->status.config; }
PortState Port::state() const noexcept { return impl_->status.state; }
const std::string& Port::offline_reason() const noexcept { return impl_->status.offline_reason; }
const line::Settings& Port::settings() const noexcept { return impl_->status.settings; }
std::optional<line::Signals> Port::signals() const noexcept { return impl_->status.signals; }
std::optional<line::Capabilities> Port::capabilities() const noexcept { return impl_->status.capabilities; }
line::Kind Port::kind() const noexcept { return impl_->status.kind; }
bool Port::terminal_closed() const noexcept { return impl_->connection.terminal_closed(); }
std::string_view Port::engine() const noexcept { return impl_->connection.engine(); }
std::uint64_t Port::tx_offset() const noexcept { return impl_->transmitter.tx_offset(); }
std::size_t Port::tx_queue_bytes() const noexcept { return impl_->transmitter.queue().bytes(); }
const std::vector<std::string>& Port::foreign_readers() const noexcept { return impl_->status.foreign_readers; }
bool Port::held_by_flow_control() const noexcept { return impl_->transmitter.is_held(); }
const std::shared_ptr<PortStats>& Port::stats() const noexcept { return impl_->status.stats; }

void Port::look(std::function<void()> done) { impl_->watch.look(std::move(done)); }

std::size_t Port::transmit(std::span<const std::byte> bytes) { return impl_->transmitter.transmit(bytes); }

void Port::change_settings(const line::SettingsChange& change, Deadline deadline, Reply<line::Settings> reply) {
    impl_->transmitter.submit({change, std::move(deadline), std::move(reply)});
}

void Port::set_signals(const line::SignalChange& change, Reply<line::Signals> reply) {
    impl_->watch.set_signals(change, std::move(reply));
}

void Port::read_signals(Reply<line::Signals> reply) { impl_->watch.read_signals(std::move(reply)); }

void Port::send_break(std::chrono::milliseconds duration, Deadline deadline, Reply<void> reply) {
    if (duration < break_duration_min || duration > break_duration_max) {
        return reply(Error{Failure::invalid_argument, 0, "duration",
                           fmt::format("duration is {} ms; it must be 1 ms to 5000 ms", duration.count())});
    }
    impl_->transmitter.submit(
        {duration, std::move(deadline), [reply = std::move(reply)](const Result<line::Settings>& result) {
             result ? reply({}) : reply(result.error());
         }});
}

void Port::drain(Deadline deadline, const Reply<void>& reply) {
    impl_->transmitter.submit({OutputSent{}, std::move(deadline), [reply](const Result<line::Settings>& result) {
                                   result ? reply({}) : reply(result.error());
                               }});
}

void Port::discard_output(const Error& why, std::string client, Reply<std::uint64_t> reply) {
    impl_->transmitter.discard(why, std::move(client), std::move(reply));
}

void Port::flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client) {
    impl_->transmitter.flush(direction, std::move(reply), std::move(client));
}

void Port::yield(std::string reason, Reply<void> reply) {
    impl_->connection.yield(std::move(reason), std::move(reply));
}

void Port::take_back() { impl_->connection.take_back(); }

}  // namespace vserd::port
