#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"
#include "vser_client/threaded_call.hpp"

namespace vser::client {

PendingCall<Port> Client::begin_get_port(const std::string& port, std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port](grpc::ClientContext& context) -> Result<Port> {
        v1::GetPortRequest request;
        request.set_port(port);
        v1::GetPortResponse response;
        const auto status = impl->ports->GetPort(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return from_proto(response.port());
    };
    return PendingCall<Port>(std::make_unique<ThreadedCall<Port>>(run, timeout));
}

PendingCall<std::vector<Session>> Client::begin_sessions(const std::string& port,
                                                         std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port](grpc::ClientContext& context) -> Result<std::vector<Session>> {
        v1::ListSessionsRequest request;
        request.add_ports(port);
        v1::ListSessionsResponse response;
        const auto status = impl->sessions->ListSessions(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return from_proto(response);
    };
    return PendingCall<std::vector<Session>>(std::make_unique<ThreadedCall<std::vector<Session>>>(run, timeout));
}

PendingCall<std::uint64_t> Client::begin_flush(const std::string& port, FlushDirection direction,
                                               std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port, direction,
                      lease = lease_of(port)](grpc::ClientContext& context) -> Result<std::uint64_t> {
        v1::FlushRequest request;
        request.set_port(port);
        request.set_direction(static_cast<v1::FlushDirection>(direction));
        request.set_lease(lease);
        v1::FlushResponse response;
        const auto status = impl->ports->Flush(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return response.output_bytes_discarded();
    };
    return PendingCall<std::uint64_t>(std::make_unique<ThreadedCall<std::uint64_t>>(run, timeout));
}

}  // namespace vser::client
