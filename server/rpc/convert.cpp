#include "rpc/convert.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "rpc/status.hpp"

namespace vserd::rpc {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds break_duration_default{250};
constexpr std::size_t client_name_bytes_max = 64;
constexpr std::size_t lease_reason_bytes_max = 200;

/// Converts an enum of a request: 0 keeps the current value, and 1 to `count` are our enumerators in order.
template <class Ours>
Result<std::optional<Ours>> enumerated(int number, int count, const char* field) {
    if (number == 0) return std::optional<Ours>{};
    if (number < 0 || number > count) {
        return invalid_field(field, fmt::format("{} is {}, which is not one of its values", field, number));
    }
    return std::optional<Ours>{static_cast<Ours>(number - 1)};
}

}  // namespace

static void to_proto(const line::LineErrors& errors, v1::LineError& message) {
    message.set_frame(errors.frame);
    message.set_parity(errors.parity);
    message.set_overrun(errors.overrun);
    message.set_breaks(errors.breaks);
}

static void to_proto(milliseconds duration, google::protobuf::Duration& message) {
    message.set_seconds(duration.count() / 1000);
    message.set_nanos(static_cast<std::int32_t>(duration.count() % 1000 * 1'000'000));
}

namespace {

/// Sets the member of Event's oneof for a port event.
struct EventVisitor {
    v1::Event& message;

    void operator()(const port::SettingsChanged& event) const {
        message.mutable_settings()->set_baud(event.settings.baud);
        to_proto(event.settings.format, *message.mutable_settings()->mutable_format());
        message.mutable_settings()->set_changed_outside(event.changed_outside);
    }
    void operator()(const port::SignalsChanged& event) const { to_proto(event.signals, *message.mutable_signals()); }
    void operator()(const port::LineErrorsCounted& event) const {
        to_proto(event.errors, *message.mutable_line_error());
    }
    void operator()(const port::WentOffline& event) const { message.mutable_offline()->set_reason(event.reason); }
    void operator()(const port::CameOnline& event) const { message.mutable_online()->set_device(event.device); }
    void operator()(const port::BreakSent& event) const {
        to_proto(event.duration, *message.mutable_break_()->mutable_duration());
    }
    void operator()(const port::WriterChanged& event) const {
        static_assert(static_cast<int>(port::LeaseChange::taken_over) == v1::LEASE_CHANGE_TAKEN_OVER);
        v1::WriterChanged& writer = *message.mutable_writer();
        writer.set_client(event.client);
        writer.set_via(event.via);
        writer.set_reason(event.reason);
        writer.set_previous(event.previous);
        writer.set_change(static_cast<v1::LeaseChange>(event.change));
        if (!event.client.empty()) to_proto(event.since, *writer.mutable_since());
    }
    void operator()(const port::Flushed& event) const {
        // After _UNSPECIFIED, the directions are in the order of our enumerators.
        static_assert(static_cast<int>(line::FlushDirection::input) + 1 == v1::FLUSH_DIRECTION_INPUT);
        static_assert(static_cast<int>(line::FlushDirection::both) + 1 == v1::FLUSH_DIRECTION_BOTH);
        v1::Flushed& flushed = *message.mutable_flushed();
        flushed.set_direction(static_cast<v1::FlushDirection>(static_cast<int>(event.direction) + 1));
        flushed.set_bytes(event.bytes);
        flushed.set_client(event.client);
    }
    void operator()(const port::ForeignReadersFound& event) const {
        v1::ForeignReader& readers = *message.mutable_foreign_reader();
        for (const std::string& process : event.processes) readers.add_processes(process);
    }
    void operator()(const port::OutputHeld& event) const { message.mutable_held()->set_held(event.held); }
    void operator()(const port::Notice& event) const {
        message.mutable_notice()->set_text(event.text);
        message.mutable_notice()->set_from(event.from);
    }
};

}  // namespace

static v1::Kind to_proto(line::Kind kind) {
    switch (kind) {
        case line::Kind::vser: return v1::KIND_VSER;
        case line::Kind::tty: return v1::KIND_TTY;
        case line::Kind::simulated: return v1::KIND_SIMULATED;
        case line::Kind::archive: return v1::KIND_ARCHIVE;
    }
    return v1::KIND_UNSPECIFIED;
}

static void to_proto(const line::Capabilities& capabilities, v1::Capabilities& message) {
    message.set_baud(capabilities.baud);
    message.set_format(capabilities.format);
    message.set_flow_control(capabilities.flow_control);
    message.set_modem_signals(capabilities.modem_signals);
    message.set_send_break(capabilities.send_break);
    message.set_flush(capabilities.flush);
    message.set_error_counters(capabilities.error_counters);
}

static void to_proto(const port::PortStats& stats, v1::PortStats& message) {
    message.set_rx_bytes(stats.rx_bytes);
    message.set_tx_bytes(stats.tx_bytes);
    message.set_gap_bytes(stats.gap_bytes);
    message.set_reopens(stats.reopens);
    message.set_io_errors(stats.read_errors + stats.write_errors);
    message.set_tx_queue_bytes(stats.tx_queue_bytes);
    to_proto({stats.line_frame_errors, stats.line_parity_errors, stats.line_overruns, stats.line_breaks},
             *message.mutable_line_errors());
}

void to_proto(const line::Format& format, v1::Format& message) {
    // After _UNSPECIFIED, the values are in the order of our enumerators. The static_asserts check both ends of each list.
    static_assert(static_cast<int>(line::Parity::none) + 1 == v1::PARITY_NONE);
    static_assert(static_cast<int>(line::Parity::space) + 1 == v1::PARITY_SPACE);
    static_assert(static_cast<int>(line::StopBits::one) + 1 == v1::STOP_BITS_1);
    static_assert(static_cast<int>(line::StopBits::two) + 1 == v1::STOP_BITS_2);
    static_assert(static_cast<int>(line::FlowControl::none) + 1 == v1::FLOW_CONTROL_NONE);
    static_assert(static_cast<int>(line::FlowControl::xon_xoff) + 1 == v1::FLOW_CONTROL_XON_XOFF);
    message.set_data_bits(format.data_bits);
    message.set_parity(static_cast<v1::Parity>(static_cast<int>(format.parity) + 1));
    message.set_stop_bits(static_cast<v1::StopBits>(static_cast<int>(format.stop_bits) + 1));
    message.set_flow_control(static_cast<v1::FlowControl>(static_cast<int>(format.flow_control) + 1));
}

void to_proto(const line::Signals& signals, v1::Signals& message) {
    message.set_dtr(signals.dtr);
    message.set_rts(signals.rts);
    message.set_cts(signals.cts);
    message.set_dsr(signals.dsr);
    message.set_dcd(signals.dcd);
    message.set_ri(signals.ri);
}

void to_proto(const log::EventItem& item, v1::Event& message) {
    message.set_offset(item.offset);
    to_proto(item.at.wall, *message.mutable_time());
    message.set_number(item.number);
    std::visit(EventVisitor{message}, item.event);
}

void to_proto(const log::GapItem& item, v1::Gap& message) {
    message.set_from(item.from);
    message.set_to(item.to);
    message.set_events_lost(item.events_lost);
}

void to_proto(const hub::Channel& channel, v1::Port& message) {
    const port::Port& port = channel.port();
    message.set_name(port.config().name);
    message.set_description(port.config().description);
    message.mutable_labels()->insert(port.config().labels.begin(), port.config().labels.end());
    message.set_device(port.config().device);
    message.set_kind(to_proto(port.kind()));
    message.set_state(port.state() == port::PortState::online ? v1::STATE_ONLINE : v1::STATE_OFFLINE);
    message.set_offline_reason(port.offline_reason());
    message.set_baud(port.settings().baud);
    to_proto(port.settings().format, *message.mutable_format());
    if (const auto signals = port.signals()) to_proto(*signals, *message.mutable_signals());
    if (const auto capabilities = port.capabilities()) to_proto(*capabilities, *message.mutable_capabilities());
    message.set_engine(std::string(port.engine()));
    message.set_oldest_offset(channel.oldest_offset());
    message.set_next_offset(channel.log().next_offset());
    message.set_tx_offset(port.tx_offset());
    message.set_readers(channel.readers());
    message.set_log_id(std::string(channel.log().id()));
    message.set_held_by_flow_control(port.held_by_flow_control());
    for (const std::string& process : port.foreign_readers()) message.add_foreign_readers(process);
    to_proto(*port.stats(), *message.mutable_stats());
    message.set_writer(channel.holder());
}

v1::Role to_proto(access::Role role) { return static_cast<v1::Role>(role); }

void to_proto(const hub::Channel& channel, access::Role role, v1::Port& message) {
    to_proto(channel, message);
    message.set_role(to_proto(role));
}

void to_proto(log::WallTime time, google::protobuf::Timestamp& message) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
    message.set_seconds(seconds.count());
    message.set_nanos(static_cast<std::int32_t>((time.time_since_epoch() - seconds) / std::chrono::nanoseconds{1}));
}

namespace {

/// The range of the clock. A time outside lies before or after everything in a log.
std::int64_t clamp_seconds(std::int64_t seconds) {
    const auto most = std::chrono::floor<std::chrono::seconds>(log::WallTime::duration::max()).count() - 1;
    return std::clamp<std::int64_t>(seconds, -most, most);
}

template <class Time>
Result<std::chrono::nanoseconds> nanoseconds_of(const Time& time, const std::string& field) {
    if (time.nanos() < 0 || time.nanos() > 999'999'999) {
        return invalid_field(field + ".nanos", field + ".nanos must be 0 to 999999999");
    }
    return std::chrono::seconds{clamp_seconds(time.seconds())} + std::chrono::nanoseconds{time.nanos()};
}

}  // namespace

Result<log::WallTime> wall_time(const google::protobuf::Timestamp& message, std::string_view field) {
    const auto since_epoch = nanoseconds_of(message, std::string(field));
    if (!since_epoch) return since_epoch.error();
    return log::WallTime{*since_epoch};
}

Result<std::chrono::nanoseconds> age_of(const google::protobuf::Duration& message, std::string_view field) {
    const std::string path(field);
    if (message.seconds() < 0 || message.nanos() < 0) return invalid_field(path, path + " must not be negative");
    return nanoseconds_of(message, path);
}

Result<hub::StartPoint> start_point(const v1::StartPoint& message, std::string_view field) {
    const auto must_be_true = [&](const char* member) {
        std::string path = fmt::format("{}.{}", field, member);
        return invalid_field(path, path + " is false; set it to true or choose another start point");
    };
    switch (message.start_case()) {
        case v1::StartPoint::kLive:
            if (!message.live()) return must_be_true("live");
            return hub::StartPoint{hub::StartLive{}};
        case v1::StartPoint::kOldest:
            if (!message.oldest()) return must_be_true("oldest");
            return hub::StartPoint{hub::StartOldest{}};
        case v1::StartPoint::kOffset: return hub::StartPoint{hub::StartOffset{message.offset()}};
        case v1::StartPoint::kTailBytes: return hub::StartPoint{hub::StartTail{message.tail_bytes()}};
        case v1::StartPoint::kSince: {
            const auto time = wall_time(message.since(), std::string(field) + ".since");
            if (!time) return time.error();
            return hub::StartPoint{hub::StartSince{*time}};
        }
        case v1::StartPoint::kAge: {
            const auto age = age_of(message.age(), std::string(field) + ".age");
            if (!age) return age.error();
            return hub::StartPoint{hub::StartAge{*age}};
        }
        case v1::StartPoint::START_NOT_SET: break;
    }
    return hub::StartPoint{hub::StartLive{}};
}

Result<line::SettingsChange> settings_change(const v1::Format& message) {
    line::SettingsChange change;
    if (message.data_bits() > std::numeric_limits<std::uint8_t>::max()) {
        return invalid_field("format.data_bits",
                             fmt::format("format.data_bits is {}; a character has 5 to 8", message.data_bits()));
    }
    if (message.data_bits() != 0) change.data_bits = static_cast<std::uint8_t>(message.data_bits());
    const auto parity = enumerated<line::Parity>(message.parity(), v1::PARITY_SPACE, "format.parity");
    if (!parity) return parity.error();
    change.parity = *parity;
    const auto stop_bits = enumerated<line::StopBits>(message.stop_bits(), v1::STOP_BITS_2, "format.stop_bits");
    if (!stop_bits) return stop_bits.error();
    change.stop_bits = *stop_bits;
    const auto flow =
        enumerated<line::FlowControl>(message.flow_control(), v1::FLOW_CONTROL_XON_XOFF, "format.flow_control");
    if (!flow) return flow.error();
    change.flow_control = *flow;
    return change;
}

Result<line::FlushDirection> flush_direction(v1::FlushDirection direction) {
    switch (direction) {
        case v1::FLUSH_DIRECTION_INPUT: return line::FlushDirection::input;
        case v1::FLUSH_DIRECTION_OUTPUT: return line::FlushDirection::output;
        case v1::FLUSH_DIRECTION_BOTH: return line::FlushDirection::both;
        default: return invalid_field("direction", "direction must be FLUSH_DIRECTION_INPUT, _OUTPUT or _BOTH");
    }
}

Result<milliseconds> break_duration(bool is_set, const google::protobuf::Duration& message) {
    if (!is_set) return break_duration_default;
    const auto out_of_limits = [] {
        return invalid_field("duration",
                             fmt::format("duration must be within {} ms and {} ms", port::break_duration_min.count(),
                                         port::break_duration_max.count()));
    };
    // Check before multiplying: a client may send any 64-bit value.
    if (message.seconds() < 0 || message.seconds() > port::break_duration_max.count() / 1000 || message.nanos() < 0 ||
        message.nanos() > 999'999'999) {
        return out_of_limits();
    }
    const milliseconds duration{message.seconds() * 1000 + message.nanos() / 1'000'000};
    if (duration < port::break_duration_min || duration > port::break_duration_max) return out_of_limits();
    return duration;
}

Result<bool> wants_text(v1::Encoding encoding) {
    switch (encoding) {
        case v1::ENCODING_UNSPECIFIED:
        case v1::ENCODING_BYTES: return false;
        case v1::ENCODING_TEXT: return true;
        default: return invalid_field("encoding", "encoding must be ENCODING_BYTES or ENCODING_TEXT");
    }
}

Result<std::string> lease_reason(const std::string& reason) {
    if (reason.size() > lease_reason_bytes_max) {
        return invalid_field(
            "reason", fmt::format("reason is {} bytes long; the maximum is {}", reason.size(), lease_reason_bytes_max));
    }
    if (base::printable_text(reason) != reason)
        return invalid_field("reason", "reason holds control characters; leave them out");
    return reason;
}

Result<std::string> client_name(const std::string& name, const std::string& fallback) {
    if (name.empty()) return base::printable_text(fallback);
    if (name.size() > client_name_bytes_max) {
        return invalid_field(
            "client", fmt::format("client is {} bytes long; the maximum is {}", name.size(), client_name_bytes_max));
    }
    // Other clients' terminals show this name.
    if (base::printable_text(name) != name)
        return invalid_field("client", "client holds control characters; leave them out");
    return name;
}

}  // namespace vserd::rpc
