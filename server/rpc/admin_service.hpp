#pragma once

#include "rpc/environment.hpp"
#include "vser/v1/admin_service.grpc.pb.h"

namespace vserd::rpc {

/// AdminService, implemented with the callback API.
class AdminService final : public ::vser::v1::AdminService::CallbackService {
public:
    explicit AdminService(Environment& environment) : environment_(environment) {}

    grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                            const ::vser::v1::GetServerInfoRequest* request,
                                            ::vser::v1::GetServerInfoResponse* response) override;

private:
    Environment& environment_;
};

}  // namespace vserd::rpc
