#include <grpcpp/generic/generic_stub.h>

#include <charconv>
#include <cstdio>
#include <thread>
#include <vector>

#include "harness/grpc_channel.hpp"
#include "harness/readers.hpp"
#include "harness/wire.hpp"

namespace vserd::bench {
namespace {

/// One completion queue and one thread for all streams; messages stay as gRPC's slices.
class GrpcReaders : public Readers {
public:
    GrpcReaders(const Bridge& bridge, const ReadPlan& plan) : Readers(plan.lines * plan.readers_per_line) {
        stopped_count_ = plan.stopped;
        const std::size_t count = plan.collect ? 1 : checks_.size();
        for (std::size_t i = 0; i < count; ++i) {
            if (i == 0 || !plan.one_connection) channel_ = own_channel(bridge.address(), bridge.connect_options());
            auto& stream = *streams_.emplace_back(std::make_unique<Stream>(channel_));
            stream.index = i;
            stream.collect = plan.collect;
            stream.request =
                plan.collect ? wire::collect_all() : wire::read_request("p" + std::to_string(i % plan.lines));
            stream.call = stream.stub.PrepareCall(
                &stream.context, plan.collect ? "/vser.v1.ConsoleService/Collect" : "/vser.v1.ConsoleService/Read",
                &queue_);
            stream.call->StartCall(&stream);
        }
        worker_ = std::thread([this] { run(); });
    }

    ~GrpcReaders() override {
        ending_.store(true);
        for (auto& stream : streams_) stream->context.TryCancel();
        worker_.join();
    }

private:
    enum class Step { starting, writing, reading, finishing };

    struct Stream {
        explicit Stream(const std::shared_ptr<grpc::Channel>& channel) : stub(channel) {}
        std::size_t index = 0;
        bool collect = false;
        Step step = Step::starting;
        grpc::GenericStub stub;
        grpc::ClientContext context;
        grpc::ByteBuffer request;
        grpc::ByteBuffer message;
        grpc::Status status;
        std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
    };

    void run() {
        void* tag = nullptr;
        bool ok = false;
        std::size_t open = streams_.size();
        while (open > 0 && queue_.Next(&tag, &ok)) {
            auto& stream = *static_cast<Stream*>(tag);
            if (!advance(stream, ok)) --open;
        }
        queue_.Shutdown();
        while (queue_.Next(&tag, &ok)) continue;
    }

    /// Starts the next operation of a stream whose last one ended. False: there is none.
    bool advance(Stream& stream, bool ok) {
        if (stream.step == Step::finishing) {
            std::fprintf(stderr, "bridge_bench: stream %zu ended: %s\n", stream.index,
                         stream.status.error_message().c_str());
            return false;
        }
        if (ending_.load(std::memory_order_relaxed)) return false;
        if (!ok) {
            checks_[stream.index].lost();
            stream.step = Step::finishing;
            stream.call->Finish(&stream.status, &stream);
            return true;
        }
        if (stream.step == Step::starting) {
            stream.step = Step::writing;
            stream.call->WriteLast(stream.request, {}, &stream);
            return true;
        }
        if (stream.step == Step::reading) {
            take(stream);
            if (stopped(stream.index)) return false;
        }
        stream.step = Step::reading;
        stream.call->Read(&stream.message, &stream);
        return true;
    }

    void take(Stream& stream) {
        if (!stream.collect) {
            StreamCheck& check = checks_[stream.index];
            if (!wire::take_item(stream.message, [&](std::span<const std::byte> bytes) { check.feed(bytes); }))
                check.lost();
            return;
        }
        const bool good =
            wire::take_records(stream.message, [&](std::string_view port, std::span<const std::byte> bytes) {
                std::size_t line = 0;
                std::from_chars(port.data() + 1, port.data() + port.size(), line);
                checks_.at(line).feed(bytes);
            });
        if (!good) checks_.front().lost();
    }

    std::shared_ptr<grpc::Channel> channel_;
    grpc::CompletionQueue queue_;
    std::vector<std::unique_ptr<Stream>> streams_;
    std::atomic<bool> ending_{false};
    std::thread worker_;
};

}  // namespace

std::unique_ptr<Readers> grpc_readers(const Bridge& bridge, const ReadPlan& plan) {
    return std::make_unique<GrpcReaders>(bridge, plan);
}

}  // namespace vserd::bench
