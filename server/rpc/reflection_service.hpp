#pragma once

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "net/admission.hpp"

namespace vserd::rpc {

/// grpc.reflection.v1alpha by the callback API: an open stream holds no thread, so any number of them leaves reflection and
/// health usable. The service of gRPC's own library is synchronous.
///
/// Answers from the descriptors that are linked into the program, on gRPC's threads; nothing here reaches the io thread.
class ReflectionService final : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
public:
    explicit ReflectionService(net::Admission& admission) : admission_(admission) {}

    grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                            grpc::reflection::v1alpha::ServerReflectionResponse>*
    ServerReflectionInfo(grpc::CallbackServerContext* context) override;

private:
    net::Admission& admission_;
};

/// The answer to one question. Any thread.
grpc::reflection::v1alpha::ServerReflectionResponse reflect(
    const grpc::reflection::v1alpha::ServerReflectionRequest& request);

}  // namespace vserd::rpc
