#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstdint>
#include <memory>

#include "vser/v1/console_service.pb.h"
#include "vser_client/coalescer.hpp"

namespace vser::client {

/// One Attach stream on a completion queue. It uses raw messages, so that bytes to send are framed without copying. Each of
/// start(), read(), write() and finish() puts its Step into the queue once; at most one of each kind may be in progress. The
/// call must not move or be destroyed until all of them have completed, including finish().
class AttachCall {
public:
    enum class Step : std::uintptr_t { started = 1, read, written, finished };

    AttachCall(const std::shared_ptr<grpc::ChannelInterface>& channel, grpc::CompletionQueue& queue);

    void start() { stream_->StartCall(tag(Step::started)); }
    void read() { stream_->Read(&received_, tag(Step::read)); }
    void write(Coalescer::Message&& message);
    void finish() { stream_->Finish(&status_, tag(Step::finished)); }
    void cancel() { context_.TryCancel(); }  // any thread

    /// Parses the message of the last read. Returns false if it is not valid.
    bool take(v1::AttachResponse& out);
    /// Valid after finish() has completed.
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
