#include "soak/visitor.hpp"

#include <google/protobuf/util/time_util.h>

#include <array>
#include <set>

#include "soak/stream_check.hpp"
#include "support/vserd_process.hpp"

namespace vserd::soak {

using namespace rpc_test;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t record_bytes_max = 48 * 1024;
constexpr std::uint64_t visit_ms_max = 1500;
constexpr milliseconds write_limit{20'000};

void pause(milliseconds time) { std::this_thread::sleep_for(time); }

std::optional<std::uint64_t> bytes_taken(const grpc::Status& status) {
    const Refusal refusal = refusal_of(status);
    if (refusal.reason == "PORT_NOT_FOUND") return 0;
    const auto found = refusal.metadata.find("bytes_taken");
    if (found == refusal.metadata.end()) return std::nullopt;
    return std::stoull(found->second);
}

/// Where a stream has to begin, if that is known.
std::optional<std::uint64_t> place(const v1::StartPoint& from) {
    if (from.start_case() != v1::StartPoint::kOffset) return std::nullopt;
    return from.offset();
}

v1::StartPoint from_offset(std::uint64_t offset) {
    v1::StartPoint from;
    from.set_offset(offset);
    return from;
}

}  // namespace

Visitor::Visitor(World& world, std::uint64_t seed) : world_(world), random_(seed), thread_([this] { run(); }) {}

Visitor::~Visitor() { thread_.join(); }

void Visitor::run() {
    while (world_.enter()) {
        visit();
        world_.leave();
        std::this_thread::yield();
    }
}

void Visitor::visit() {
    switch (dice(20)) {
        case 0: return kill_a_program();
        case 1: return look_around();
        case 2:
        case 3: return change_line();
        case 4: return collect_some();
        case 5:
        case 6: return read_history();
        case 7:
        case 8:
        case 9: return write_stream();
        case 10:
        case 11:
        case 12:
        case 13: return write_some();
        default: return follow();
    }
}

/// Small ones more often.
std::size_t Visitor::some_size(std::size_t size_max) {
    return test::record_head_size +
           dice(std::min<std::uint64_t>(size_max - test::record_head_size, 1U << dice(17)) + 1);
}

v1::StartPoint Visitor::some_start(Client& client, const Port& port) {
    v1::StartPoint from;
    v1::GetPortRequest request;
    v1::GetPortResponse response;
    request.set_port(port.name);
    Call call;
    static_cast<void>(client.ports->GetPort(&call, request, &response));  // a guest may be gone; then from 0
    switch (dice(5)) {
        case 0: from.set_live(true); break;
        case 1: from.set_oldest(true); break;
        case 2: from.set_tail_bytes(dice(100'000)); break;
        case 3: from.set_offset(dice(response.port().next_offset() + 1)); break;
        default:
            *from.mutable_since() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
                google::protobuf::util::TimeUtil::TimestampToMilliseconds(
                    google::protobuf::util::TimeUtil::GetCurrentTime()) -
                static_cast<std::int64_t>(dice(5000)));
    }
    return from;
}

/// Sends `open` and takes the first reply; tells which port it is.
std::shared_ptr<Port> Visitor::open(Stream& stream, const v1::Open& open) {
    v1::AttachRequest request;
    *request.mutable_open() = open;
    v1::AttachResponse response;
    if (!stream.Write(request) || !stream.Read(&response)) return nullptr;
    EXPECT_TRUE(response.has_opened()) << response.ShortDebugString();
    return world_.by_device(response.opened().port().device());
}

void Visitor::take(StreamCheck& check, const v1::AttachResponse& response) {
    if (response.has_data()) check.data(response.data().offset(), response.data().bytes());
    if (response.has_gap()) check.gap(response.gap());
    if (response.has_event()) check.event(response.event());
}

void Visitor::told(const StreamCheck& check) {
    world_.tally.bytes_read += check.bytes();
    world_.tally.gaps += check.gaps();
}

/// How a call may end that its client did not spoil: guests leave, some hold a port for themselves, and calls have deadlines.
void Visitor::check_end(const grpc::Status& status, const Port* port, bool may_be_held) {
    std::set<std::string> reasons{"DEADLINE"};
    if (may_be_held) reasons.insert("PORT_HELD");
    if (port == nullptr || port->kind == PortKind::guest) {
        reasons.insert({"PORT_REMOVED", "PORT_NOT_FOUND", "OFFSET_NOT_REACHED", "DEVICE_AWAY"});
    }
    const bool by_client = status.error_code() == grpc::CANCELLED || status.error_code() == grpc::DEADLINE_EXCEEDED;
    EXPECT_TRUE(status.ok() || by_client || reasons.contains(refusal_of(status).reason))
        << (port == nullptr ? "" : port->name) << ": " << status.error_code() << ' ' << status.error_message();
}

/// One connection's worth of a console; returns where to go on.
std::optional<std::uint64_t> Visitor::read_attached(const std::string& name, const v1::StartPoint& from,
                                                    std::shared_ptr<Port>& port) {
    Client client(world_.address());
    Call call(some_time(visit_ms_max));
    const auto stream = client.console->Attach(&call);
    v1::Open wanted = open_of(name);
    wanted.set_mode(v1::MODE_READ_ONLY);
    *wanted.mutable_from() = from;
    const auto found = open(*stream, wanted);
    ++world_.tally.streams;
    if (!found || (port && found != port)) {
        call.TryCancel();
        check_end(stream->Finish(), nullptr, false);
        return std::nullopt;
    }
    port = found;
    StreamCheck check(*found, place(from));
    const bool stops_reading = dice(4) == 0;
    const bool cancels = dice(3) == 0;
    v1::AttachResponse response;
    while (stream->Read(&response)) {
        take(check, response);
        if (stops_reading && dice(20) == 0) pause(some_time(visit_ms_max));
        if (cancels && dice(50) == 0) call.TryCancel();
    }
    check_end(stream->Finish(), found.get(), false);
    told(check);
    return check.next();
}

/// Reads on after its connection was lost.
void Visitor::follow() {
    auto port = world_.pick(random_, true);
    const std::string name = port->name;
    port.reset();
    v1::StartPoint from;
    {
        Client client(world_.address());
        from = some_start(client, *world_.pick(random_, false));
        if (from.start_case() == v1::StartPoint::kOffset) from.set_oldest(true);  // it was another port's
    }
    for (auto connections = 1 + dice(4); connections > 0; --connections) {
        const auto next = read_attached(name, from, port);
        if (!next) return;
        from = from_offset(*next);
    }
}

void Visitor::read_history() {
    const auto port = world_.pick(random_, false);
    Client client(world_.address());
    Call call;
    v1::ReadRequest request;
    request.set_port(port->name);
    *request.mutable_from() = some_start(client, *port);
    request.set_max_bytes(dice(3) == 0 ? 0 : 1 + dice(300'000));
    const auto stream = client.console->Read(&call, request);
    ++world_.tally.streams;
    StreamCheck check(*port, place(request.from()));
    v1::ReadResponse response;
    while (stream->Read(&response)) {
        if (response.has_data()) check.data(response.data().offset(), response.data().bytes());
        if (response.has_gap()) check.gap(response.gap());
        if (response.has_event()) check.event(response.event());
    }
    const auto status = stream->Finish();
    EXPECT_TRUE(status.ok()) << port->name << ": " << status.error_message();
    if (request.max_bytes() > 0) {
        EXPECT_LE(check.bytes(), request.max_bytes());
    }
    told(check);
}

void Visitor::collect_some() {
    Client client(world_.address());
    Call call(some_time(visit_ms_max));
    v1::CollectRequest request;
    std::map<std::string, std::shared_ptr<Port>> ports;
    for (auto count = 1 + dice(4); count > 0; --count) {
        const auto port = world_.pick(random_, false);
        if (ports.insert({port->name, port}).second) request.add_sources()->set_port(port->name);
    }
    for (auto& source : *request.mutable_sources()) *source.mutable_from() = some_start(client, *ports[source.port()]);
    std::map<std::string, StreamCheck> checks;
    for (const auto& [name, port] : ports) checks.emplace(name, StreamCheck(*port));
    const auto stream = client.console->Collect(&call, request);
    ++world_.tally.streams;
    v1::CollectResponse response;
    while (stream->Read(&response)) {
        for (const auto& record : response.records()) {
            StreamCheck& check = checks.at(record.port());
            if (record.has_data()) check.data(record.offset(), record.data());
            if (record.has_gap()) check.gap(record.gap());
            if (record.has_event()) check.event(record.event());
        }
        if (dice(50) == 0) pause(some_time(visit_ms_max / 2));
    }
    check_end(stream->Finish(), ports.begin()->second.get(), false);
    for (const auto& [name, check] : checks) told(check);
}

void Visitor::write_some() {
    Client client(world_.address());
    for (auto writes = 1 + dice(12); writes > 0; --writes) write_once(client);
}

void Visitor::write_once(Client& client) {
    const auto port = world_.pick(random_, false);
    const test::RecordId id{world_.new_writer(), 0};
    v1::WriteRequest request;
    v1::WriteResponse response;
    request.set_port(port->name);
    request.set_data(test::record(id, some_size(record_bytes_max)));
    Call call(dice(5) == 0 ? some_time(20) : write_limit);
    const auto status = client.console->Write(&call, request, &response);
    if (status.ok()) {
        EXPECT_EQ(response.bytes_written(), request.data().size());
        port->writes.accepted(id, request.data().size(), response.tx_offset());
        ++world_.tally.writes;
        world_.tally.bytes_written += request.data().size();
        return;
    }
    const Refusal refusal = refusal_of(status);
    port->writes.cut_short(id, bytes_taken(status));
    EXPECT_TRUE(status.error_code() == grpc::DEADLINE_EXCEEDED || refusal.reason == "DEVICE_AWAY" ||
                refusal.reason == "PORT_HELD")
        << port->name << ": " << status.error_code() << ' ' << status.error_message();
}

void Visitor::write_stream() {
    const auto wanted_port = world_.pick(random_, true);
    Client client(world_.address());
    Call call(some_time(2 * visit_ms_max));
    const auto stream = client.console->Attach(&call);
    ++world_.tally.streams;
    v1::Open wanted = open_of(wanted_port->name);
    wanted.set_mode(dice(6) == 0 ? v1::MODE_EXCLUSIVE : v1::MODE_READ_WRITE);
    wanted.set_client("visitor");
    const auto port = open(*stream, wanted);
    if (!port) {
        call.TryCancel();
        return check_end(stream->Finish(), wanted_port.get(), true);
    }
    StreamCheck check(*port);
    const std::uint32_t writer = world_.new_writer();
    v1::AttachRequest request;
    v1::AttachResponse response;
    const auto records = 1 + dice(6);
    for (std::uint32_t number = 0; number < records; ++number) {
        request.set_data(test::record({writer, number}, some_size(record_bytes_max)));
        if (!stream->Write(request)) break;
        world_.tally.bytes_written += request.data().size();
        if (port->kind == PortKind::echo && dice(8) == 0) {
            request.mutable_set_signals()->set_dtr(dice(2) == 0);
            stream->Write(request);
        }
        for (auto items = dice(4); items > 0 && stream->Read(&response); --items) take(check, response);
    }
    if (dice(2) == 0) stream->WritesDone();
    const bool cancels = dice(2) == 0;
    while (stream->Read(&response)) {
        take(check, response);
        if (cancels && dice(10) == 0) call.TryCancel();
    }
    const auto status = stream->Finish();
    check_end(status, port.get(), true);
    // A port that another client holds refuses bytes. A stream that was cut off may not have been told.
    if (check.refused_bytes() > 0 || !status.ok()) port->writes.refused(writer);
    told(check);
}

void Visitor::change_line() {
    const auto port = world_.pick(random_, false);
    Client client(world_.address());
    Call call(milliseconds(2000));
    grpc::Status status;
    if (dice(4) == 0 && port->kind != PortKind::echo) {
        v1::SetFormatRequest request;
        v1::SetFormatResponse response;
        request.set_port(port->name);
        request.mutable_format()->set_stop_bits(dice(2) == 0 ? v1::STOP_BITS_1 : v1::STOP_BITS_2);
        status = client.ports->SetFormat(&call, request, &response);
    } else {
        constexpr std::array<std::uint32_t, 5> bauds{9600, 115200, 31250, 3'000'000, 1200};
        v1::SetBaudRequest request;
        v1::SetBaudResponse response;
        request.set_port(port->name);
        request.set_baud(bauds[dice(bauds.size())]);
        status = client.ports->SetBaud(&call, request, &response);
        if (status.ok()) {
            EXPECT_EQ(response.baud(), request.baud()) << port->name;
        }
    }
    ++world_.tally.line_changes;
    const std::string reason = refusal_of(status).reason;
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::DEADLINE_EXCEEDED || reason == "DEVICE_AWAY" ||
                reason == "PORT_HELD")
        << port->name << ": " << status.error_code() << ' ' << status.error_message();
}

void Visitor::look_around() {
    Client client(world_.address());
    {
        Call call;
        v1::ListPortsRequest request;
        v1::ListPortsResponse response;
        EXPECT_TRUE(client.ports->ListPorts(&call, request, &response).ok());
    }
    Call call(some_time(visit_ms_max));
    v1::WatchPortsRequest request;
    v1::WatchPortsResponse response;
    const auto stream = client.ports->WatchPorts(&call, request);
    while (stream->Read(&response)) {
        if (dice(20) == 0) call.TryCancel();
    }
    check_end(stream->Finish(), nullptr, false);
}

/// A client that does not get to say goodbye, and before that perhaps does not read what its connection holds.
void Visitor::kill_a_program() {
    const auto port = world_.pick(random_, true);
    Process program({VSERCTL_PROGRAM, "-s", world_.address(), "read", port->name, "--follow"});
    pause(some_time(visit_ms_max));
    if (dice(2) == 0) program.signal(SIGSTOP);
    pause(some_time(visit_ms_max));
    program.signal(SIGKILL);
    program.wait();
    ++world_.tally.killed;
}

}  // namespace vserd::soak
