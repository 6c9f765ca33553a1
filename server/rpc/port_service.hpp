#pragma once

#include "rpc/environment.hpp"
#include "rpc/watch_ports.hpp"
#include "rpc/yield_call.hpp"
#include "vser/v1/port_service.grpc.pb.h"

namespace vserd::rpc {

/// WatchPorts uses raw messages, because all watchers share one encoded event; the other methods use generated messages.
template <class Base>
using WithUnaryPortCalls =
    ::vser::v1::PortService::WithCallbackMethod_ListPorts<::vser::v1::PortService::WithCallbackMethod_GetPort<
        ::vser::v1::PortService::WithCallbackMethod_GetBaud<::vser::v1::PortService::WithCallbackMethod_SetBaud<
            ::vser::v1::PortService::WithCallbackMethod_GetFormat<::vser::v1::PortService::WithCallbackMethod_SetFormat<
                ::vser::v1::PortService::WithCallbackMethod_GetSignals<
                    ::vser::v1::PortService::WithCallbackMethod_SetSignals<
                        ::vser::v1::PortService::WithCallbackMethod_SendBreak<
                            ::vser::v1::PortService::WithCallbackMethod_Flush<Base>>>>>>>>>>;
using PortServiceBase = WithUnaryPortCalls<::vser::v1::PortService::WithRawCallbackMethod_WatchPorts<
    ::vser::v1::PortService::WithCallbackMethod_Yield<::vser::v1::PortService::Service>>>;

/// PortService, implemented with the callback API. gRPC threads call its methods.
class PortService final : public PortServiceBase {
public:
    explicit PortService(Environment& environment)
        : environment_(environment), watchers_(environment), yields_(environment) {}

    /// Ends all WatchPorts and Yield calls, which would otherwise outlive the server. Io thread.
    void finish_streams(const Error& error) {
        watchers_.finish_all(error);
        yields_.finish_all(error);
    }

    // The parameter types of the overrides, by position.
    using Context = grpc::CallbackServerContext;
    using Reactor = grpc::ServerUnaryReactor;

    Reactor* ListPorts(Context*, const ::vser::v1::ListPortsRequest*, ::vser::v1::ListPortsResponse*) override;
    Reactor* GetPort(Context*, const ::vser::v1::GetPortRequest*, ::vser::v1::GetPortResponse*) override;
    grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchPorts(Context*, const grpc::ByteBuffer*) override;
    Reactor* GetBaud(Context*, const ::vser::v1::GetBaudRequest*, ::vser::v1::GetBaudResponse*) override;
    Reactor* SetBaud(Context*, const ::vser::v1::SetBaudRequest*, ::vser::v1::SetBaudResponse*) override;
    Reactor* GetFormat(Context*, const ::vser::v1::GetFormatRequest*, ::vser::v1::GetFormatResponse*) override;
    Reactor* SetFormat(Context*, const ::vser::v1::SetFormatRequest*, ::vser::v1::SetFormatResponse*) override;
    Reactor* GetSignals(Context*, const ::vser::v1::GetSignalsRequest*, ::vser::v1::GetSignalsResponse*) override;
    Reactor* SetSignals(Context*, const ::vser::v1::SetSignalsRequest*, ::vser::v1::SetSignalsResponse*) override;
    Reactor* SendBreak(Context*, const ::vser::v1::SendBreakRequest*, ::vser::v1::SendBreakResponse*) override;
    Reactor* Flush(Context*, const ::vser::v1::FlushRequest*, ::vser::v1::FlushResponse*) override;
    grpc::ServerWriteReactor<::vser::v1::YieldResponse>* Yield(Context*, const ::vser::v1::YieldRequest*) override;

private:
    Environment& environment_;
    Watchers watchers_;
    Yields yields_;
};

}  // namespace vserd::rpc
