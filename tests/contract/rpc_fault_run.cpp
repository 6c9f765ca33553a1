#include "contract/rpc_fault_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace vserd {
namespace {

namespace v1 = ::vser::v1;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t write_bytes_max = 8000;
constexpr std::size_t burst_bytes_max = 20'000;

google::rpc::ErrorInfo info_of(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (details.ParseFromString(status.error_details()) && details.details_size() == 1)
        details.details(0).UnpackTo(&info);
    return info;
}

}  // namespace

RpcFaultRun::RpcFaultRun(std::uint64_t seed, const std::filesystem::path& directory)
    : seed_(seed), random_(seed), device_(directory / ("tty" + std::to_string(seed))) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "VSERD_FAULT_SEED=" + std::to_string(seed_));
    auto engine = std::make_unique<FaultyEngine>(random_());
    engine_ = engine.get();
    constexpr std::array<unsigned, 4> levels{0, 20, 200, 700};
    engine_->set_faults({levels[dice(4)], levels[dice(4)], levels[dice(2)], levels[dice(2)]});
    loop_ = std::make_unique<io::Loop>(std::move(engine));
    hub_ = std::make_unique<hub::Hub>(*loop_, nullptr, hub::SessionLimits{.streams_max = 12});
    settles_ = dice(3) != 0;
    actions_left_ = 10 + static_cast<unsigned>(dice(50));
    if (dice(4) != 0) device_.plug();
    hub::HubConfig config;
    config.limits = {fault::history_bytes, /*readers_max=*/6, /*pending_writes_max=*/3};
    config.ports.push_back({"p", "", device_.node().string(), {}, fault::tx_queue_bytes});
    hub_->apply(config);
    channel_ = hub_->find("p");
    const std::string address = "unix:" + (directory / ("socket" + std::to_string(seed))).string();
    server_ =
        rpc::Server::start(*hub_, {.listen = {address}, .inherited = {}, .certificates = nullptr, .info = {}}).value();
    for (auto count = 1 + dice(2); count > 0; --count) clients_.emplace_back(address);
    deadline_ = steady_clock::now() + fault::patience;
}

RpcFaultRun::~RpcFaultRun() {
    streams_.clear();
    writes_.clear();
    others_.clear();
}

/// Small ones more often.
std::size_t RpcFaultRun::some_size() {
    return test::record_head_size + dice(std::min<std::uint64_t>(write_bytes_max, 1U << dice(14)));
}

bool RpcFaultRun::is_online() const { return channel_->port().state() == port::PortState::online; }

bool RpcFaultRun::turn() {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "VSERD_FAULT_SEED=" + std::to_string(seed_));
    busy_ = loop_->poll_once();
    for (auto& client : clients_) busy_ = client.turn() || busy_;
    if (device_.send()) busy_ = true;
    if ((phase_ != Phase::playing || dice(3) == 0) && device_.receive()) busy_ = true;
    if (phase_ <= Phase::settling && !is_online() && dice(8) == 0) device_.announce();
    if (phase_ == Phase::playing) play();
    if (phase_ == Phase::settling && settled()) stop();
    if (phase_ == Phase::stopping && server_down_ && all_over()) check_end();
    if (phase_ != Phase::over && steady_clock::now() > deadline_) {
        ADD_FAILURE() << "not over in phase " << static_cast<int>(phase_) << "; " << engine_->outstanding()
                      << " operations outstanding, calls " << (all_over() ? "over" : "not over") << ", server "
                      << (server_down_ ? "down" : "up");
        std::abort();  // nothing can be taken down any more
    }
    return phase_ != Phase::over;
}

void RpcFaultRun::play() {
    if (dice(12) != 0) return;  // let the last action meet some turns of the loop
    if (actions_left_ == 0) return settles_ ? settle() : stop();
    --actions_left_;
    busy_ = true;
    switch (dice(16)) {
        case 0: return device_.unplug();
        case 1: return device_.plug();
        case 2:
        case 3: return attach();
        case 4: return read();
        case 5: return collect();
        case 6: return change_line();
        case 7:
        case 8:
        case 9: return touch_stream();
        case 10:
        case 11:
        case 12: return device_.say(test::sent_bytes(random_(), 0, 1 + dice(burst_bytes_max)));
        default: return write();
    }
}

/// `next`: where that is, if it is known beforehand.
v1::StartPoint RpcFaultRun::some_start(std::optional<std::uint64_t>& next) {
    v1::StartPoint from;
    if (dice(2) == 0) {
        from.set_oldest(true);
        return from;
    }
    next = dice(channel_->log().next_offset() + 1);
    from.set_offset(*next);
    return from;
}

void RpcFaultRun::attach() {
    std::optional<std::uint64_t> next;
    v1::Open open;
    open.set_port("p");
    if (dice(2) == 0) *open.mutable_from() = some_start(next);
    constexpr std::array modes{v1::MODE_READ_ONLY, v1::MODE_READ_WRITE, v1::MODE_READ_WRITE, v1::MODE_EXCLUSIVE};
    open.set_mode(modes[dice(modes.size())]);
    const bool writes = open.mode() != v1::MODE_READ_ONLY;
    auto console = std::make_unique<RemoteConsole>(some_client(), engine_->bytes_read(), open, ++writers_, next);
    for (auto records = writes ? dice(4) : 0; records > 0; --records) console->write(some_size());
    if (dice(4) == 0) console->half_close();
    console->read_on(dice(4));
    consoles_.push_back(console.get());
    streams_.push_back({std::move(console), true});
}

void RpcFaultRun::read() {
    std::optional<std::uint64_t> next;
    v1::ReadRequest request;
    request.set_port("p");
    *request.mutable_from() = some_start(next);
    const bool follows = dice(2) == 0;
    request.set_follow(follows);
    if (!follows && dice(2) == 0) request.set_max_bytes(1 + dice(fault::history_bytes));
    RemoteClient& client = some_client();
    auto reader = std::make_unique<RemoteReader<v1::ReadResponse>>(
        engine_->bytes_read(), next, [&](grpc::ClientContext* context) {
            return client.console->PrepareAsyncRead(context, request, &client.queue);
        });
    reader->read_on(dice(4));
    streams_.push_back({std::move(reader), follows});
}

void RpcFaultRun::collect() {
    std::optional<std::uint64_t> next;
    v1::CollectRequest request;
    const auto from = some_start(next);
    if (dice(2) == 0 && from.has_oldest()) {
        request.set_all(true);
        *request.mutable_from() = from;
    } else {
        auto& source = *request.add_sources();
        source.set_port("p");
        *source.mutable_from() = from;
    }
    RemoteClient& client = some_client();
    auto reader = std::make_unique<RemoteReader<v1::CollectResponse>>(
        engine_->bytes_read(), next, [&](grpc::ClientContext* context) {
            return client.console->PrepareAsyncCollect(context, request, &client.queue);
        });
    reader->read_on(dice(4));
    streams_.push_back({std::move(reader), true});
}

void RpcFaultRun::write() {
    v1::WriteRequest request;
    const test::RecordId id{++writers_, 0};
    request.set_port("p");
    request.set_data(test::record(id, some_size()));
    std::optional<milliseconds> limit;
    if (dice(3) == 0) limit = milliseconds{1 + dice(30)};
    RemoteClient& client = some_client();
    auto call = std::make_unique<Write>(limit, [&](grpc::ClientContext* context) {
        return client.console->AsyncWrite(context, request, &client.queue);
    });
    writes_.push_back({id, request.data().size(), std::move(call)});
}

void RpcFaultRun::change_line() {
    RemoteClient& client = some_client();
    const milliseconds limit{1 + dice(50)};
    if (dice(2) == 0) {
        v1::SetBaudRequest request;
        request.set_port("p");
        request.set_baud(std::array{9600U, 115200U, 31250U}[dice(3)]);
        others_.push_back(std::make_unique<RemoteUnary<v1::SetBaudResponse>>(limit, [&](grpc::ClientContext* context) {
            return client.ports->AsyncSetBaud(context, request, &client.queue);
        }));
        return;
    }
    v1::FlushRequest request;
    request.set_port("p");
    request.set_direction(v1::FLUSH_DIRECTION_INPUT);
    others_.push_back(std::make_unique<RemoteUnary<v1::FlushResponse>>(limit, [&](grpc::ClientContext* context) {
        return client.ports->AsyncFlush(context, request, &client.queue);
    }));
}

/// One that stopped reads on, or is cancelled.
void RpcFaultRun::touch_stream() {
    for (auto& stream : streams_) {
        if (stream.call->over() || dice(3) != 0) continue;
        const bool cancels = dice(4) == 0;
        if (cancels) stream.call->cancel();
        return stream.call->read_on(cancels ? 0 : dice(6));
    }
    for (auto& write : writes_) {
        if (!write.call->over() && dice(2) == 0) return write.call->cancel();
    }
}

void RpcFaultRun::settle() {
    phase_ = Phase::settling;
    engine_->set_faults({.delay = 200, .split = 200});
    device_.plug();
    for (auto& stream : streams_) stream.call->read_on(0);
}

bool RpcFaultRun::settled() const {
    const auto& port = channel_->port();
    const std::uint64_t head = channel_->log().next_offset();
    const auto at_end = [head](const Stream& stream) {
        return stream.call->over() ||
               (stream.follows && !stream.call->cancelled() && stream.call->next().value_or(0) == head);
    };
    const auto written = [this](const RemoteConsole* console) {
        if (console->over() || console->cancelled()) return true;
        const auto last = console->last_record();
        const bool told =
            !last || console->refused_bytes() > 0 || engine_->bytes_written().find(*last) != std::string::npos;
        return console->has_written() && told;
    };
    return is_online() && port.tx_queue_bytes() == 0 && device_.has_said_all() &&
           std::ranges::all_of(writes_, [](const Written& write) { return write.call->over(); }) &&
           std::ranges::all_of(others_, [](const auto& call) { return call->over(); }) &&
           std::ranges::all_of(streams_, at_end) && std::ranges::all_of(consoles_, written);
}

void RpcFaultRun::stop() {
    was_settled_ = phase_ == Phase::settling;
    phase_ = Phase::stopping;
    if (was_settled_) {
        EXPECT_EQ(channel_->log().next_offset(), engine_->bytes_read().size());
        EXPECT_EQ(channel_->port().tx_offset(), engine_->bytes_written().size());
    }
    // Who does not read does not learn the end either.
    for (auto& stream : streams_) stream.call->read_on(0);
    if (dice(2) == 0) hub_->apply({});
    hub_->shut_down(milliseconds{dice(20)},
                    [this] { server_->stop(milliseconds{dice(100)}, [this] { server_down_ = true; }); });
}

bool RpcFaultRun::all_over() const {
    return std::ranges::all_of(streams_, [](const Stream& stream) { return stream.call->over(); }) &&
           std::ranges::all_of(writes_, [](const Written& write) { return write.call->over(); }) &&
           std::ranges::all_of(others_, [](const auto& call) { return call->over(); });
}

void RpcFaultRun::check_status(const RemoteCall& call) const {
    // What any call may meet here: its own end, the server's, a device that is away, and the limits.
    static const std::set<std::string> reasons{"DEADLINE",  "SERVER_GOING_DOWN", "PORT_REMOVED", "DEVICE_AWAY",
                                               "PORT_HELD", "LIMIT_REACHED",     "IO_ERROR"};
    const grpc::Status& status = call.status();
    const auto code = status.error_code();
    if (status.ok() || (code == grpc::CANCELLED && call.cancelled()) || code == grpc::DEADLINE_EXCEEDED) return;
    if (reasons.contains(info_of(status).reason())) return;
    // The connection went before the status was out: the server had its grace.
    const bool cut_off = phase_ == Phase::stopping && (code == grpc::UNAVAILABLE || code == grpc::CANCELLED);
    EXPECT_TRUE(cut_off) << code << ' ' << status.error_message();
}

void RpcFaultRun::check_end() {
    for (const auto& stream : streams_) check_status(*stream.call);
    for (const auto& call : others_) check_status(*call);
    for (const auto& write : writes_) {
        check_status(*write.call);
        if (write.call->status().ok()) {
            EXPECT_EQ(write.call->response().bytes_written(), write.size);
            account_.accepted(write.id, write.size, write.call->response().tx_offset());
        } else if (const auto info = info_of(write.call->status());
                   was_settled_ && info.metadata().contains("bytes_taken")) {
            account_.cut_short(write.id, std::stoull(info.metadata().at("bytes_taken")));
        }
    }
    for (const auto* console : consoles_) {
        // One that did not read to the end may not have learned of it.
        if (console->refused_bytes() > 0 || !was_settled_) account_.refused(console->writer());
    }
    account_.arrived(engine_->bytes_written());
    account_.check(was_settled_);
    EXPECT_EQ(engine_->outstanding(), 0u);
    EXPECT_EQ(engine_->attached(), 0u);
    EXPECT_EQ(engine_->misuses(), std::vector<std::string>{});
    while (loop_->poll_once()) continue;
    phase_ = Phase::over;
}

}  // namespace vserd
