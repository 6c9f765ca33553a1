#pragma once

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "rpc/environment.hpp"

namespace vserd::rpc {

/// grpc.reflection.v1alpha, implemented with the callback API. An open stream holds no thread, so that reflection and health
/// stay usable with any number of streams. (The service in gRPC's own library is synchronous.)
///
/// Answers on gRPC's threads, from the descriptors that are linked into the program. Never uses the io thread. With [access], only for clients that a rule names.
class ReflectionService final : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
public:
    explicit ReflectionService(Environment& environment) : environment_(environment) {}

    grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                            grpc::reflection::v1alpha::ServerReflectionResponse>*
    ServerReflectionInfo(grpc::CallbackServerContext* context) override;

private:
    Environment& environment_;
};

/// The reply to one request. Any thread.
grpc::reflection::v1alpha::ServerReflectionResponse reflect(
    const grpc::reflection::v1alpha::ServerReflectionRequest& request);

}  // namespace vserd::rpc
