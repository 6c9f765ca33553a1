#pragma once

#include <grpcpp/support/client_interceptor.h>

#include <memory>
#include <string>

namespace vser::client {

/// Adds "authorization: Bearer TOKEN" to each call of a channel. gRPC's own call credentials exist for TLS only, and calls over
/// Unix sockets need the token too.
class BearerToken final : public grpc::experimental::ClientInterceptorFactoryInterface {
public:
    explicit BearerToken(const std::string& token) : value_("Bearer " + token) {}
    grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* info) override;

private:
    const std::string value_;
};

}  // namespace vser::client
