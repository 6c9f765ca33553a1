#include "soak/steady_readers.hpp"

#include <map>

#include "soak/stream_check.hpp"

namespace vserd::soak {

using namespace rpc_test;

SteadyReader::SteadyReader(World& world, std::shared_ptr<Port> port)
    : world_(world), port_(std::move(port)), client_(world.address()), thread_([this] { run(); }) {}

SteadyReader::~SteadyReader() {
    call_.TryCancel();
    wait();
}

grpc::Status SteadyReader::wait() {
    if (thread_.joinable()) thread_.join();
    return status_;
}

void SteadyReader::run() {
    const auto stream = client_.console->Attach(&call_);
    v1::AttachRequest request;
    auto& open = *request.mutable_open();
    open.set_port(port_->name);
    open.set_mode(v1::MODE_READ_ONLY);
    open.mutable_from()->set_oldest(true);
    stream->Write(request);
    StreamCheck check(*port_, 0);
    v1::AttachResponse response;
    while (stream->Read(&response)) {
        if (response.has_data()) {
            check.data(response.data().offset(), response.data().bytes());
            if (port_->kind == PortKind::echo) port_->writes.arrived(response.data().bytes());
            port_->delivered(Port::attached, *check.next());
            world_.tally.bytes_read += response.data().bytes().size();
        } else if (response.has_gap()) {
            ADD_FAILURE() << "a gap for the reader of " << port_->name << " that never stops: from "
                          << response.gap().from() << " to " << response.gap().to();
            check.gap(response.gap());
        } else if (response.has_event()) {
            const auto& event = response.event();
            check.event(event);
            if (event.has_online()) port_->came_online();
            if (event.has_offline()) port_->went_offline(event.offset());
        }
    }
    status_ = stream->Finish();
}

SteadyCollector::SteadyCollector(World& world) : world_(world), client_(world.address()), thread_([this] { run(); }) {}

SteadyCollector::~SteadyCollector() {
    call_.TryCancel();
    wait();
}

grpc::Status SteadyCollector::wait() {
    if (thread_.joinable()) thread_.join();
    return status_;
}

void SteadyCollector::run() {
    struct Source {
        std::shared_ptr<Port> port;
        StreamCheck check;
    };
    std::map<std::string, Source> sources;
    v1::CollectRequest request;
    request.set_all(true);
    request.mutable_from()->set_oldest(true);
    const auto stream = client_.console->Collect(&call_, request);
    v1::CollectResponse response;
    while (stream->Read(&response)) {
        for (const auto& record : response.records()) {
            auto source = sources.find(record.port());
            // The first that a port ever tells is that it is online, and on what; it may be another one of the same name.
            if (record.has_event() && record.event().has_online() && record.offset() == 0) {
                const auto port = world_.by_device(record.event().online().device());
                if (source == sources.end() || source->second.port != port) {
                    sources.erase(record.port());
                    source = sources.emplace(record.port(), Source{port, StreamCheck(*port, 0)}).first;
                }
            }
            if (source == sources.end()) {
                ADD_FAILURE() << "before it was online: " << record.ShortDebugString();
                continue;
            }
            StreamCheck& check = source->second.check;
            EXPECT_EQ(record.offset(), check.next()) << record.port();
            if (record.has_event()) check.event(record.event());
            if (record.has_data()) check.data(record.offset(), record.data());
            if (record.has_gap())
                ADD_FAILURE() << "a gap of " << record.port() << " for the collector that never stops";
            if (record.has_gap()) check.gap(record.gap());
            source->second.port->delivered(Port::collecting, *check.next());
        }
    }
    status_ = stream->Finish();
}

}  // namespace vserd::soak
