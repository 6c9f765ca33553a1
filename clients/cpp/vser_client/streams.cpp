#include <grpcpp/client_context.h>

#include <deque>
#include <memory>
#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"

namespace vser::client {
namespace {

/// What a program is told besides the items.
using OnProgress = std::function<void(std::uint64_t, Time)>;

void add_items(v1::ReadResponse&& response, std::deque<ReadItem>& items, const OnProgress& on_progress) {
    switch (response.item_case()) {
        case v1::ReadResponse::kProgress:
            if (on_progress) on_progress(response.progress().offset(), from_proto(response.progress().receive_time()));
            break;
        case v1::ReadResponse::kData: items.emplace_back(from_proto(std::move(*response.mutable_data()))); break;
        case v1::ReadResponse::kGap: items.emplace_back(from_proto(response.gap())); break;
        case v1::ReadResponse::kEvent: items.emplace_back(from_proto(response.event())); break;
        case v1::ReadResponse::kLines:
            for (auto& data : *response.mutable_lines()->mutable_data())
                items.emplace_back(from_proto(std::move(data)));
            break;
        default: break;  // a kind that this library does not know
    }
}

void add_items(v1::WatchPortsResponse&& response, std::deque<PortEvent>& items, const OnProgress& /*none*/) {
    items.push_back(from_proto(response.event()));
}

void add_items(v1::YieldResponse&& response, std::deque<YieldedDevice>& items, const OnProgress& /*none*/) {
    items.push_back(YieldedDevice{std::move(*response.mutable_device())});
}

/// A server stream as a Stream::Source.
template <class Item, class Response>
class GrpcSource final : public Stream<Item>::Source {
public:
    /// `open` starts the call with the context given to it.
    template <class Open>
    GrpcSource(std::shared_ptr<grpc::Channel> channel, Open open, OnProgress on_progress = {})
        : channel_(std::move(channel)), on_progress_(std::move(on_progress)), reader_(open(&context_)) {}

    ~GrpcSource() override {
        context_.TryCancel();
        finish();
    }
    GrpcSource(const GrpcSource&) = delete;
    GrpcSource& operator=(const GrpcSource&) = delete;

    std::optional<Item> next() override {
        Response response;
        while (items_.empty() && !finished_ && reader_->Read(&response))
            add_items(std::move(response), items_, on_progress_);
        if (items_.empty()) {
            finish();
            return std::nullopt;
        }
        std::optional<Item> item(std::move(items_.front()));
        items_.pop_front();
        return item;
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
    OnProgress on_progress_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<Response>> reader_;
    std::deque<Item> items_;  ///< of one response
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
    request.set_batch_lines(!options.match.empty());
    request.set_report_progress(static_cast<bool>(options.on_progress));
    return Stream<ReadItem>(std::make_unique<GrpcSource<ReadItem, v1::ReadResponse>>(
        impl_->channel, [&](grpc::ClientContext* context) { return impl_->console->Read(context, request); },
        options.on_progress));
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
