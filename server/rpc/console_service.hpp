#pragma once

#include "rpc/environment.hpp"
#include "rpc/wait_for.hpp"
#include "vser/v1/console_service.grpc.pb.h"

namespace vserd::rpc {

/// ConsoleService: the byte streams use raw messages on a completion queue (attach_stream, read_stream and collect_stream wait
/// for calls there); Write and WaitFor use the callback API.
using ConsoleServiceBase =
    ::vser::v1::ConsoleService::WithRawMethod_Attach<::vser::v1::ConsoleService::WithRawMethod_Read<
        ::vser::v1::ConsoleService::WithRawMethod_Collect<::vser::v1::ConsoleService::WithCallbackMethod_Write<
            ::vser::v1::ConsoleService::WithCallbackMethod_WaitFor<::vser::v1::ConsoleService::Service>>>>>;

class ConsoleService final : public ConsoleServiceBase {
public:
    explicit ConsoleService(Environment& environment) : environment_(environment) {}

    grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context, const ::vser::v1::WriteRequest* request,
                                    ::vser::v1::WriteResponse* response) override;
    grpc::ServerUnaryReactor* WaitFor(grpc::CallbackServerContext* context, const ::vser::v1::WaitForRequest* request,
                                      ::vser::v1::WaitForResponse* response) override;
    /// Ends the calls that wait. Io thread.
    void finish_calls(const Error& error) { searches_.finish_all(error); }

private:
    Environment& environment_;
    WaitingSearches searches_;
};

}  // namespace vserd::rpc
