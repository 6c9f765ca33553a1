#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>

#include "hub/calls.hpp"
#include "rpc/passes.hpp"

namespace vserd::rpc {

/// The calls of another face, through gRPC's in-process channel: the same services, limits and rights as for clients of gRPC,
/// without a connection. A message that refers to the log's blocks is passed on as it is.
class LocalCalls final : public hub::Calls {
public:
    /// Both outlive every call.
    LocalCalls(const std::shared_ptr<grpc::Channel>& channel, Passes& passes) : stub_(channel), passes_(passes) {}

    std::unique_ptr<Call> start(Request request, Shape shape, Handlers handlers) override;

private:
    grpc::GenericStub stub_;
    Passes& passes_;
};

}  // namespace vserd::rpc
