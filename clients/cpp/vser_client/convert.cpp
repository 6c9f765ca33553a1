#include "vser_client/convert.hpp"

#include <algorithm>
#include <utility>

namespace vser::client {
namespace {

/// Times beyond the range of 64 bits of nanoseconds become about the last one in range.
std::chrono::nanoseconds nanoseconds(std::int64_t seconds, std::int32_t nanos) {
    constexpr auto limit = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds::max()).count();
    constexpr std::int64_t seconds_max = limit - 3;  // nanos may be any number, even more than a second
    return std::chrono::seconds(std::clamp(seconds, -seconds_max, seconds_max)) + std::chrono::nanoseconds(nanos);
}

/// Values that this library does not know become the unspecified one.
template <class Enum>
Enum enumerated(int value, Enum last) {
    return value < 0 || value > static_cast<int>(last) ? Enum{} : static_cast<Enum>(value);
}

}  // namespace

static LineErrors from_proto(const v1::LineError& errors) {
    return {.frame = errors.frame(), .parity = errors.parity(), .overrun = errors.overrun(), .breaks = errors.breaks()};
}

static Capabilities from_proto(const v1::Capabilities& capabilities) {
    return {.baud = capabilities.baud(),
            .format = capabilities.format(),
            .flow_control = capabilities.flow_control(),
            .modem_signals = capabilities.modem_signals(),
            .send_break = capabilities.send_break(),
            .flush = capabilities.flush(),
            .error_counters = capabilities.error_counters()};
}

static PortStats from_proto(const v1::PortStats& stats) {
    return {.rx_bytes = stats.rx_bytes(),
            .tx_bytes = stats.tx_bytes(),
            .gap_bytes = stats.gap_bytes(),
            .reopens = stats.reopens(),
            .io_errors = stats.io_errors(),
            .line_errors = from_proto(stats.line_errors()),
            .tx_queue_bytes = stats.tx_queue_bytes()};
}

Time from_proto(const google::protobuf::Timestamp& time) { return Time(nanoseconds(time.seconds(), time.nanos())); }

std::chrono::nanoseconds from_proto(const google::protobuf::Duration& duration) {
    return nanoseconds(duration.seconds(), duration.nanos());
}

Format from_proto(const v1::Format& format) {
    return {.data_bits = format.data_bits(),
            .parity = enumerated(format.parity(), Parity::space),
            .stop_bits = enumerated(format.stop_bits(), StopBits::two),
            .flow_control = enumerated(format.flow_control(), FlowControl::xon_xoff)};
}

Signals from_proto(const v1::Signals& signals) {
    return {.dtr = signals.dtr(),
            .rts = signals.rts(),
            .cts = signals.cts(),
            .dsr = signals.dsr(),
            .dcd = signals.dcd(),
            .ri = signals.ri()};
}

Port from_proto(const v1::Port& port) {
    Port out;
    out.name = port.name();
    out.description = port.description();
    out.device = port.device();
    out.kind = enumerated(port.kind(), Kind::archive);
    out.state = enumerated(port.state(), State::offline);
    out.offline_reason = port.offline_reason();
    out.baud = port.baud();
    out.format = from_proto(port.format());
    out.writer = port.writer();
    if (port.has_signals()) out.signals = from_proto(port.signals());
    if (port.has_capabilities()) out.capabilities = from_proto(port.capabilities());
    out.engine = port.engine();
    out.oldest_offset = port.oldest_offset();
    out.next_offset = port.next_offset();
    out.tx_offset = port.tx_offset();
    out.readers = port.readers();
    out.stats = from_proto(port.stats());
    out.log_id = port.log_id();
    out.held_by_flow_control = port.held_by_flow_control();
    out.foreign_readers = {port.foreign_readers().begin(), port.foreign_readers().end()};
    out.role = enumerated(port.role(), Role::admin);
    out.labels = {port.labels().begin(), port.labels().end()};
    return out;
}

Data from_proto(v1::Data&& data) {
    return {.offset = data.offset(),
            .bytes = std::move(*data.mutable_bytes()),
            .receive_time = from_proto(data.receive_time())};
}

Gap from_proto(const v1::Gap& gap) { return {.from = gap.from(), .to = gap.to(), .events_lost = gap.events_lost()}; }

static WriterChanged from_writer(const v1::WriterChanged& writer) {
    return {.client = writer.client(),
            .refused_bytes = writer.refused_bytes(),
            .refused_request = writer.refused_request(),
            .via = writer.via(),
            .reason = writer.reason(),
            .previous = writer.previous(),
            .change = enumerated(writer.change(), LeaseChange::taken_over),
            .own = writer.own(),
            .needed_role = enumerated(writer.needed_role(), Role::admin),
            .held_role = enumerated(writer.held_role(), Role::admin)};
}

Event from_proto(const v1::Event& event) {
    Event out{.offset = event.offset(), .time = from_proto(event.time()), .what = {}, .number = event.number()};
    switch (event.event_case()) {
        case v1::Event::kSettings:
            out.what = SettingsChanged{.baud = event.settings().baud(),
                                       .format = from_proto(event.settings().format()),
                                       .changed_outside = event.settings().changed_outside()};
            break;
        case v1::Event::kSignals: out.what = from_proto(event.signals()); break;
        case v1::Event::kLineError: out.what = from_proto(event.line_error()); break;
        case v1::Event::kOffline: out.what = Offline{event.offline().reason()}; break;
        case v1::Event::kOnline: out.what = Online{event.online().device()}; break;
        case v1::Event::kBreak: out.what = BreakSent{from_proto(event.break_().duration())}; break;
        case v1::Event::kWriter: out.what = from_writer(event.writer()); break;
        case v1::Event::kFlushed:
            out.what = Flushed{enumerated(event.flushed().direction(), FlushDirection::both), event.flushed().bytes(),
                               event.flushed().client()};
            break;
        case v1::Event::kForeignReader:
            out.what =
                ForeignReaders{{event.foreign_reader().processes().begin(), event.foreign_reader().processes().end()}};
            break;
        case v1::Event::kHeld: out.what = OutputHeld{event.held().held()}; break;
        case v1::Event::kNotice: out.what = Notice{event.notice().text(), event.notice().from()}; break;
        case v1::Event::EVENT_NOT_SET: break;
    }
    return out;
}

PortEvent from_proto(const v1::PortEvent& event) {
    PortEvent out;
    out.port = from_proto(event.port());
    if (event.has_event()) out.event = from_proto(event.event());
    out.events_lost = event.events_lost();
    out.time = from_proto(event.time());
    out.removed = event.removed();
    return out;
}

static Session from_proto(const v1::Session& session) {
    return {.id = session.id(),
            .identity = session.identity(),
            .via = session.via(),
            .peer = session.peer(),
            .client = session.client(),
            .port = session.port(),
            .mode = enumerated(session.mode(), SessionMode::exclusive),
            .since = from_proto(session.since()),
            .read_bytes = session.read_bytes(),
            .written_bytes = session.written_bytes(),
            .lag_bytes = session.lag_bytes()};
}

std::vector<Session> from_proto(const v1::ListSessionsResponse& response) {
    std::vector<Session> sessions;
    for (const auto& session : response.sessions()) sessions.push_back(from_proto(session));
    return sessions;
}

ServerInfo from_proto(const v1::GetServerInfoResponse& info) {
    ServerInfo out;
    out.version = info.version();
    out.engine = info.engine();
    for (const auto& refusal : info.refusals()) out.refusals.push_back({refusal.engine(), refusal.reason()});
    out.uptime = from_proto(info.uptime());
    out.ports_up = info.ports_up();
    out.ports_total = info.ports_total();
    out.readers = info.readers();
    return out;
}

void to_proto(std::chrono::milliseconds duration, google::protobuf::Duration& out) {
    out.set_seconds(duration.count() / 1000);
    out.set_nanos(static_cast<std::int32_t>(duration.count() % 1000) * 1'000'000);
}

void to_proto(const Format& format, v1::Format& out) {
    out.set_data_bits(format.data_bits);
    out.set_parity(static_cast<v1::Parity>(format.parity));
    out.set_stop_bits(static_cast<v1::StopBits>(format.stop_bits));
    out.set_flow_control(static_cast<v1::FlowControl>(format.flow_control));
}

void to_proto(Time time, google::protobuf::Timestamp& out) {
    constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
    const auto total = time.time_since_epoch().count();
    auto seconds = total / nanoseconds_per_second;
    auto nanos = total % nanoseconds_per_second;
    if (nanos < 0) {  // a Timestamp's nanos count forward, even before 1970
        nanos += nanoseconds_per_second;
        --seconds;
    }
    out.set_seconds(seconds);
    out.set_nanos(static_cast<std::int32_t>(nanos));
}

void to_proto(const EndPoint& until, v1::EndPoint& out) {
    struct Visitor {
        v1::EndPoint& out;
        void operator()(const StartPoint::Offset& offset) const { out.set_offset(offset.value); }
        void operator()(const StartPoint::Since& time) const { to_proto(time.value, *out.mutable_time()); }
        void operator()(const StartPoint::Age& age) const { to_proto(age.value, *out.mutable_age()); }
    };
    std::visit(Visitor{out}, until.where);
}

void to_proto(const StartPoint& from, v1::StartPoint& out) {
    struct Visitor {
        v1::StartPoint& out;
        void operator()(const StartPoint::Live&) const { out.set_live(true); }
        void operator()(const StartPoint::Oldest&) const { out.set_oldest(true); }
        void operator()(const StartPoint::Offset& offset) const { out.set_offset(offset.value); }
        void operator()(const StartPoint::TailBytes& tail) const { out.set_tail_bytes(tail.value); }
        void operator()(const StartPoint::Since& since) const { to_proto(since.value, *out.mutable_since()); }
        void operator()(const StartPoint::Age& age) const { to_proto(age.value, *out.mutable_age()); }
    };
    std::visit(Visitor{out}, from.where);
}

}  // namespace vser::client
