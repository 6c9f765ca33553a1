#include "vser_client/client.hpp"

#include <grpcpp/client_context.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "vser/v1/admin_service.grpc.pb.h"
#include "vser/v1/console_service.grpc.pb.h"
#include "vser/v1/port_service.grpc.pb.h"
#include "vser/v1/session_service.grpc.pb.h"
#include "vser_client/call.hpp"
#include "vser_client/channel.hpp"
#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"

namespace vser::client {
namespace {

// The size of one Write request: large, so that few are needed, and well below the server's limit of 1 MiB.
constexpr std::size_t write_request_bytes_max = std::size_t{256} << 10;

/// A part of gRPC's message for a failed connection, and what it means.
struct Meaning {
    std::string_view part;
    std::string_view text;
};
constexpr std::array<Meaning, 6> meanings{{
    {"http1.x server", "an HTTP/1 server listens there, not the gRPC of vserd"},
    {"Failed parsing HTTP/2", "the server there does not speak gRPC"},
    {"wrong version number", "the server there does not use TLS"},
    {"certificate verify failed", "TLS: certificate verify failed: no CA that is trusted here has signed it"},
    {"Domain name not found", "no host has that name"},
    {"empty address list", "TLS: the CA, or the certificate and its key, are not usable PEM files"},
}};

// gRPC wraps the operating system's message in up to four layers of text.
std::string plain_connect_message(const std::string& message) {
    for (const Meaning& meaning : meanings)
        if (message.find(meaning.part) != std::string::npos) return std::string(meaning.text);
    const bool is_wrapped = message.find("last error: ") != std::string::npos;
    const auto last = message.rfind(": ");
    return is_wrapped && last != std::string::npos ? message.substr(last + 2) : message;
}

/// An older vserd does not have the call, and one with [access] may reject it. Later calls report their own errors.
bool is_answer_of_vserd(const Error& error) {
    return error.code == Code::unimplemented || (error.code == Code::permission_denied && !error.reason.empty());
}

Error connect_error(const std::string& address, const ConnectOptions& options, const Error& cause) {
    const auto limit_s = std::to_string(std::chrono::duration<double>(options.connect_timeout).count());
    const auto why = cause.code == Code::deadline_exceeded
                         ? "no answer within " + limit_s.substr(0, limit_s.find('.') + 2) + " s"
                         : plain_connect_message(cause.message);
    return {.code = Code::unavailable, .message = "cannot connect to " + address + ": " + why};
}

}  // namespace

Client::Impl::Impl(std::string an_address, std::shared_ptr<grpc::Channel> a_channel, std::chrono::milliseconds timeout)
    : address(std::move(an_address)),
      channel(std::move(a_channel)),
      call_timeout(timeout),
      ports(v1::PortService::NewStub(channel)),
      console(v1::ConsoleService::NewStub(channel)),
      admin(v1::AdminService::NewStub(channel)),
      sessions(v1::SessionService::NewStub(channel)),
      leases(v1::LeaseService::NewStub(channel)),
      health(grpc::health::v1::Health::NewStub(channel)) {}

Client::Impl::~Impl() = default;

Result<Client> Client::connect(const std::string& address, const ConnectOptions& options) {
    auto channel = make_channel(address, options);
    if (!channel) return std::move(channel).error();
    auto impl = std::make_shared<const Impl>(address, *channel, options.call_timeout);

    // Wait for an answer, because another kind of server may listen on that port.
    const auto answered = call(*impl->admin, &v1::AdminService::Stub::GetServerInfo, {}, after(options.connect_timeout),
                               [](const v1::GetServerInfoResponse&) { return Done{}; });
    if (!answered && answered.error().code == Code::unauthenticated) return answered.error();
    if (!answered && !is_answer_of_vserd(answered.error())) return connect_error(address, options, answered.error());
    return Client(std::move(impl));
}

const std::string& Client::address() const noexcept { return impl_->address; }

Result<std::vector<Port>> Client::list_ports() const {
    return call(*impl_->ports, &v1::PortService::Stub::ListPorts, {}, after(impl_->call_timeout),
                [](const v1::ListPortsResponse& response) {
                    std::vector<Port> ports;
                    for (const auto& port : response.ports()) ports.push_back(from_proto(port));
                    return ports;
                });
}

Result<Port> Client::get_port(const std::string& port) const { return get_port(port, impl_->call_timeout); }

Result<Port> Client::get_port(const std::string& port, std::chrono::milliseconds timeout) const {
    return call(*impl_->ports, &v1::PortService::Stub::GetPort, for_port<v1::GetPortRequest>(port), after(timeout),
                [](const v1::GetPortResponse& response) { return from_proto(response.port()); });
}

Result<ServerInfo> Client::server_info() const {
    return call(*impl_->admin, &v1::AdminService::Stub::GetServerInfo, {}, after(impl_->call_timeout),
                [](const v1::GetServerInfoResponse& response) { return from_proto(response); });
}

Result<bool> Client::serving(const std::string& port) const {
    using grpc::health::v1::HealthCheckResponse;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(port);
    return call(*impl_->health, &grpc::health::v1::Health::Stub::Check, request, after(impl_->call_timeout),
                [](const HealthCheckResponse& response) { return response.status() == HealthCheckResponse::SERVING; });
}

Result<std::uint32_t> Client::baud(const std::string& port) const {
    return call(*impl_->ports, &v1::PortService::Stub::GetBaud, for_port<v1::GetBaudRequest>(port),
                after(impl_->call_timeout), [](const v1::GetBaudResponse& response) { return response.baud(); });
}

Result<std::uint32_t> Client::set_baud(const std::string& port, std::uint32_t baud) const {
    auto request = for_port<v1::SetBaudRequest>(port);
    request.set_lease(lease_of(port));
    request.set_baud(baud);
    return call(*impl_->ports, &v1::PortService::Stub::SetBaud, request, after(impl_->call_timeout),
                [](const v1::SetBaudResponse& response) { return response.baud(); });
}

Result<Format> Client::format(const std::string& port) const {
    return call(*impl_->ports, &v1::PortService::Stub::GetFormat, for_port<v1::GetFormatRequest>(port),
                after(impl_->call_timeout),
                [](const v1::GetFormatResponse& response) { return from_proto(response.format()); });
}

Result<Format> Client::set_format(const std::string& port, const Format& format) const {
    auto request = for_port<v1::SetFormatRequest>(port);
    request.set_lease(lease_of(port));
    to_proto(format, *request.mutable_format());
    return call(*impl_->ports, &v1::PortService::Stub::SetFormat, request, after(impl_->call_timeout),
                [](const v1::SetFormatResponse& response) { return from_proto(response.format()); });
}

Result<Signals> Client::signals(const std::string& port) const {
    return call(*impl_->ports, &v1::PortService::Stub::GetSignals, for_port<v1::GetSignalsRequest>(port),
                after(impl_->call_timeout),
                [](const v1::GetSignalsResponse& response) { return from_proto(response.signals()); });
}

Result<Signals> Client::set_signals(const std::string& port, const SignalChange& change) const {
    auto request = for_port<v1::SetSignalsRequest>(port);
    request.set_lease(lease_of(port));
    if (change.dtr) request.set_dtr(*change.dtr);
    if (change.rts) request.set_rts(*change.rts);
    return call(*impl_->ports, &v1::PortService::Stub::SetSignals, request, after(impl_->call_timeout),
                [](const v1::SetSignalsResponse& response) { return from_proto(response.signals()); });
}

Result<> Client::send_break(const std::string& port, std::chrono::milliseconds duration) const {
    auto request = for_port<v1::SendBreakRequest>(port);
    request.set_lease(lease_of(port));
    to_proto(duration, *request.mutable_duration());
    return call(*impl_->ports, &v1::PortService::Stub::SendBreak, request, after(impl_->call_timeout + duration),
                [](const v1::SendBreakResponse&) { return Done{}; });
}

Result<std::uint64_t> Client::flush(const std::string& port, FlushDirection direction) const {
    auto request = for_port<v1::FlushRequest>(port);
    request.set_lease(lease_of(port));
    request.set_direction(static_cast<v1::FlushDirection>(direction));
    return call(*impl_->ports, &v1::PortService::Stub::Flush, request, after(impl_->call_timeout),
                [](const v1::FlushResponse& response) { return response.output_bytes_discarded(); });
}

Result<std::vector<Session>> Client::sessions(const std::vector<std::string>& ports) const {
    v1::ListSessionsRequest request;
    request.mutable_ports()->Add(ports.begin(), ports.end());
    return call(*impl_->sessions, &v1::SessionService::Stub::ListSessions, request, after(impl_->call_timeout),
                [](const v1::ListSessionsResponse& response) { return from_proto(response); });
}

Result<> Client::end_session(const std::string& id, const std::string& reason, const std::string& client) const {
    v1::EndSessionRequest request;
    request.set_id(id);
    request.set_reason(reason);
    request.set_client(client);
    return call(*impl_->sessions, &v1::SessionService::Stub::EndSession, request, after(impl_->call_timeout),
                [](const v1::EndSessionResponse&) { return Done{}; });
}

Result<std::uint32_t> Client::send_notice(const std::string& port, const std::string& text,
                                          const std::string& client) const {
    auto request = for_port<v1::SendNoticeRequest>(port);
    request.set_text(text);
    request.set_client(client);
    return call(*impl_->sessions, &v1::SessionService::Stub::SendNotice, request, after(impl_->call_timeout),
                [](const v1::SendNoticeResponse& response) { return response.readers(); });
}

Result<WriteReceipt> Client::write(const std::string& port, std::string_view bytes) const {
    return write(port, bytes, impl_->call_timeout);
}

Result<WriteReceipt> Client::write(const std::string& port, std::string_view bytes,
                                   std::chrono::milliseconds timeout) const {
    const auto deadline = after(timeout);
    WriteReceipt receipt;
    do {  // an empty write is sent too, so that the server reports the error
        auto request = for_port<v1::WriteRequest>(port);
        request.set_lease(lease_of(port));
        const auto piece = bytes.substr(0, write_request_bytes_max);
        request.set_data(piece.data(), piece.size());
        auto written = call(*impl_->console, &v1::ConsoleService::Stub::Write, request, deadline,
                            [](const v1::WriteResponse& response) {
                                return WriteReceipt{response.bytes_written(), response.tx_offset()};
                            });
        if (!written) {
            auto error = std::move(written).error();
            add_bytes_taken(error, receipt.bytes_written);
            return error;
        }
        receipt = {receipt.bytes_written + written->bytes_written, written->tx_offset};
        bytes.remove_prefix(piece.size());
    } while (!bytes.empty());
    return receipt;
}

}  // namespace vser::client
