#include <grpcpp/client_context.h>

#include <memory>
#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"

namespace vser::client {
namespace {

std::optional<ReadItem> to_item(v1::ReadResponse&& response) {
    switch (response.item_case()) {
        case v1::ReadResponse::kData: return from_proto(std::move(*response.mutable_data()));
        case v1::ReadResponse::kGap: return from_proto(response.gap());
        case v1::ReadResponse::kEvent: return from_proto(response.event());
        default: return std::nullopt;  // a kind that this library does not know
    }
}

std::optional<PortEvent> to_item(v1::WatchPortsResponse&& response) { return from_proto(response.event()); }

std::optional<YieldedDevice> to_item(v1::YieldResponse&& response) {
    return YieldedDevice{std::move(*response.mutable_device())};
}

/// A server stream as a Stream::Source.
template <class Item, class Response>
class GrpcSource final : public Stream<Item>::Source {
public:
    /// `open` starts the call with the context given to it.
    template <class Open>
    GrpcSource(std::shared_ptr<grpc::Channel> channel, Open open)
        : channel_(std::move(channel)), reader_(open(&context_)) {}

    ~GrpcSource() override {
        context_.TryCancel();
        finish();
    }
    GrpcSource(const GrpcSource&) = delete;
    GrpcSource& operator=(const GrpcSource&) = delete;

    std::optional<Item> next() override {
        Response response;
        while (!finished_ && reader_->Read(&response)) {
            if (auto item = to_item(std::move(response))) return item;
        }
        finish();
        return std::nullopt;
    }

    std::optional<Error> error() const override { return error_; }
    void cancel() override { context_.TryCancel(); }

private:
    void finish() {
        if (finished_) return;
        finished_ = true;
        const auto status = reader_->Finish();
        if (!status.ok()) error_ = to_error(status);
    }

    std::shared_ptr<grpc::Channel> channel_;  // a stream may outlive its client
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<Response>> reader_;
    bool finished_ = false;
    std::optional<Error> error_;
};

}  // namespace

Stream<ReadItem> Client::read(const std::string& port, const ReadOptions& options) const {
    v1::ReadRequest request;
    request.set_port(port);
    to_proto(options.from, *request.mutable_from());
    request.set_follow(options.follow);
    request.set_max_bytes(options.bytes_max);
    if (options.until) to_proto(*options.until, *request.mutable_until());
    request.set_match(options.match);
    request.set_lines_before(options.lines_before);
    request.set_lines_after(options.lines_after);
    request.set_exact_times(options.exact_times);
    return Stream<ReadItem>(std::make_unique<GrpcSource<ReadItem, v1::ReadResponse>>(
        impl_->channel, [&](grpc::ClientContext* context) { return impl_->console->Read(context, request); }));
}

Stream<PortEvent> Client::watch(const std::vector<std::string>& ports) const {
    v1::WatchPortsRequest request;
    request.mutable_ports()->Add(ports.begin(), ports.end());
    return Stream<PortEvent>(std::make_unique<GrpcSource<PortEvent, v1::WatchPortsResponse>>(
        impl_->channel, [&](grpc::ClientContext* context) { return impl_->ports->WatchPorts(context, request); }));
}

Stream<YieldedDevice> Client::yield(const std::string& port, const std::string& reason,
                                    const std::string& client) const {
    v1::YieldRequest request;
    request.set_port(port);
    request.set_reason(reason);
    request.set_client(client);
    request.set_lease(lease_of(port));
    return Stream<YieldedDevice>(std::make_unique<GrpcSource<YieldedDevice, v1::YieldResponse>>(
        impl_->channel, [&](grpc::ClientContext* context) { return impl_->ports->Yield(context, request); }));
}

}  // namespace vser::client
