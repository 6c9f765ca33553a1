#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <mutex>

#include "hub/calls.hpp"
#include "io/loop.hpp"
#include "rpc/passes.hpp"

namespace vserd::rpc {

/// The calls of another face, through gRPC's in-process channel: the same services, limits and rights as for clients of gRPC,
/// without a connection. A message that refers to the log's blocks is passed on as it is.
class LocalCalls final : public hub::Calls {
public:
    /// All outlive every call.
    LocalCalls(const std::shared_ptr<grpc::Channel>& channel, Passes& passes, io::Loop& loop)
        : stub_(channel), passes_(passes), loop_(loop) {}

    std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) override;
    /// Call before the server shuts down: new calls end at once with UNAVAILABLE. A channel to a server that is gone crashes.
    void close();

private:
    grpc::GenericStub stub_;
    Passes& passes_;
    io::Loop& loop_;
    std::mutex mutex_;     ///< held while a call starts
    bool closed_ = false;  ///< guarded by mutex_
};

}  // namespace vserd::rpc
