#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstdint>
#include <memory>

#include "vser/v1/console_service.pb.h"
#include "vser_client/coalescer.hpp"

namespace vser::client {

/// One Attach stream on a completion queue, in raw messages: bytes to send are framed without copying them. Each of
/// start(), read(), write() and finish() puts its Step into the queue once; at most one of each kind is under way. The
/// call must stay in place until all of them came back and finished did.
class AttachCall {
public:
    enum class Step : std::uintptr_t { started = 1, read, written, finished };

    AttachCall(const std::shared_ptr<grpc::ChannelInterface>& channel, grpc::CompletionQueue& queue);

    void start() { stream_->StartCall(tag(Step::started)); }
    void read() { stream_->Read(&received_, tag(Step::read)); }
    void write(Coalescer::Message&& message);
    void finish() { stream_->Finish(&status_, tag(Step::finished)); }
    void cancel() { context_.TryCancel(); }  // any thread

    /// The message that the last read brought; false when it is not one.
    bool take(v1::AttachResponse& out);
    /// After finished.
    const grpc::Status& status() const noexcept { return status_; }

    static Step step(void* tag) noexcept { return static_cast<Step>(reinterpret_cast<std::uintptr_t>(tag)); }

private:
    static void* tag(Step step) noexcept { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(step)); }

    grpc::ClientContext context_;
    grpc::GenericStub stub_;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
    grpc::ByteBuffer received_;
    grpc::Status status_;
};

}  // namespace vser::client
