#pragma once

#include "rpc/environment.hpp"
#include "rpc/watch_ports.hpp"
#include "vser/v1/port_service.grpc.pb.h"

namespace vserd::rpc {

/// PortService by the callback API. Its methods are called on gRPC threads.
class PortService final : public ::vser::v1::PortService::CallbackService {
public:
    explicit PortService(Environment& environment) : environment_(environment) {}

    /// Ends the watchers, which otherwise would outlive the server. Io thread.
    void finish_watchers(const Error& error) { watchers_.finish_all(error); }

    // What the overrides take, by their place.
    using Context = grpc::CallbackServerContext;
    using Reactor = grpc::ServerUnaryReactor;

    Reactor* ListPorts(Context*, const ::vser::v1::ListPortsRequest*, ::vser::v1::ListPortsResponse*) override;
    Reactor* GetPort(Context*, const ::vser::v1::GetPortRequest*, ::vser::v1::GetPortResponse*) override;
    grpc::ServerWriteReactor<::vser::v1::WatchPortsResponse>* WatchPorts(Context*,
                                                                         const ::vser::v1::WatchPortsRequest*) override;
    Reactor* GetBaud(Context*, const ::vser::v1::GetBaudRequest*, ::vser::v1::GetBaudResponse*) override;
    Reactor* SetBaud(Context*, const ::vser::v1::SetBaudRequest*, ::vser::v1::SetBaudResponse*) override;
    Reactor* GetFormat(Context*, const ::vser::v1::GetFormatRequest*, ::vser::v1::GetFormatResponse*) override;
    Reactor* SetFormat(Context*, const ::vser::v1::SetFormatRequest*, ::vser::v1::SetFormatResponse*) override;
    Reactor* GetSignals(Context*, const ::vser::v1::GetSignalsRequest*, ::vser::v1::GetSignalsResponse*) override;
    Reactor* SetSignals(Context*, const ::vser::v1::SetSignalsRequest*, ::vser::v1::SetSignalsResponse*) override;
    Reactor* SendBreak(Context*, const ::vser::v1::SendBreakRequest*, ::vser::v1::SendBreakResponse*) override;
    Reactor* Flush(Context*, const ::vser::v1::FlushRequest*, ::vser::v1::FlushResponse*) override;

private:
    Environment& environment_;
    Watchers watchers_;
};

}  // namespace vserd::rpc
