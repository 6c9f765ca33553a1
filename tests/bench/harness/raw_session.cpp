#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "harness/grpc_channel.hpp"
#include "harness/session.hpp"
#include "harness/wire.hpp"

namespace vserd::bench {
namespace {

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
using Factory = grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>;

class RawSession : public Session {
public:
    RawSession(const std::string& address, const std::string& port)
        : channel_(own_channel(address)),
          method_("/vser.v1.ConsoleService/Attach", grpc::internal::RpcMethod::BIDI_STREAMING, channel_),
          stream_(Factory::Create(channel_.get(), method_, &context_)) {
        grpc::ByteBuffer opened;
        if (!stream_->Write(wire::attach_open(port)) || !stream_->Read(&opened)) {
            throw std::runtime_error("Attach: " + stream_->Finish().error_message());
        }
    }

    ~RawSession() override { context_.TryCancel(); }

    void write(std::span<const std::byte> bytes) override { stream_->Write(wire::attach_data(bytes)); }

    std::size_t read(std::span<std::byte> space) override {
        while (rest_.empty()) {
            grpc::ByteBuffer message;
            if (!stream_->Read(&message)) return 0;
            wire::take_item(message, [this](std::span<const std::byte> bytes) {
                rest_.insert(rest_.end(), bytes.begin(), bytes.end());
            });
        }
        const std::size_t size = std::min(space.size(), rest_.size());
        std::memcpy(space.data(), rest_.data(), size);
        rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(size));
        return size;
    }

    void cancel() override { context_.TryCancel(); }

private:
    std::shared_ptr<grpc::Channel> channel_;
    grpc::internal::RpcMethod method_;
    grpc::ClientContext context_;
    std::unique_ptr<Stream> stream_;
    std::vector<std::byte> rest_;
};

}  // namespace

std::unique_ptr<Session> raw_session(const std::string& address, const std::string& port) {
    return std::make_unique<RawSession>(address, port);
}

}  // namespace vserd::bench
