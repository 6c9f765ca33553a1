#pragma once

#include "rpc/environment.hpp"
#include "vser/v1/session_service.grpc.pb.h"

namespace vserd::rpc {

/// SessionService, implemented with the callback API. gRPC threads call its methods.
class SessionService final : public ::vser::v1::SessionService::CallbackService {
public:
    explicit SessionService(Environment& environment) : environment_(environment) {}

    // The parameter types of the overrides, by position.
    using Context = grpc::CallbackServerContext;
    using Reactor = grpc::ServerUnaryReactor;

    Reactor* ListSessions(Context*, const ::vser::v1::ListSessionsRequest*, ::vser::v1::ListSessionsResponse*) override;
    Reactor* EndSession(Context*, const ::vser::v1::EndSessionRequest*, ::vser::v1::EndSessionResponse*) override;
    Reactor* SendNotice(Context*, const ::vser::v1::SendNoticeRequest*, ::vser::v1::SendNoticeResponse*) override;

private:
    Environment& environment_;
};

}  // namespace vserd::rpc
