#include "rpc/session_service.hpp"

#include <fmt/core.h>

#include "base/text.hpp"
#include "rpc/convert.hpp"
#include "rpc/unary_call.hpp"

namespace vserd::rpc {
namespace {

constexpr std::size_t notice_bytes_max = 1024;
constexpr std::size_t reason_bytes_max = 256;

v1::Mode mode_of(hub::SessionMode mode) {
    // The modes are in the order of our enumerators.
    static_assert(static_cast<int>(hub::SessionMode::yielded) == v1::MODE_UNSPECIFIED);
    static_assert(static_cast<int>(hub::SessionMode::read_only) == v1::MODE_READ_ONLY);
    static_assert(static_cast<int>(hub::SessionMode::exclusive) == v1::MODE_EXCLUSIVE);
    return static_cast<v1::Mode>(mode);
}

void add_session(const hub::SessionInfo& info, v1::ListSessionsResponse& response) {
    v1::Session& session = *response.add_sessions();
    session.set_id(info.id);
    if (info.shows_client) {
        session.set_identity(access::to_string(info.client->identity));
        session.set_peer(base::printable_text(info.client->peer));
    }
    session.set_via(std::string(info.client->via));
    const bool names_itself = !info.client->name.empty();  // otherwise the name is the address
    session.set_client(info.shows_client || names_itself ? info.name : fmt::format("{} client", info.client->via));
    session.set_port(info.port);
    session.set_mode(mode_of(info.mode));
    to_proto(info.since, *session.mutable_since());
    session.set_read_bytes(info.read_bytes);
    session.set_written_bytes(info.written_bytes);
    session.set_lag_bytes(info.lag_bytes);
}

/// The sessions of the ports that the request names, or of all.
Result<void> add_sessions(hub::Session& asking, const v1::ListSessionsRequest& request,
                          v1::ListSessionsResponse& response) {
    const auto add = [&](const hub::Channel& channel) {
        for (const hub::SessionInfo& info : asking.sessions(channel)) add_session(info, response);
    };
    if (request.ports().empty()) asking.for_each_port(add);
    for (const std::string& port : request.ports()) {
        auto opened = asking.open(port);
        if (!opened) return opened.error();
        add(**opened);
    }
    return {};
}

Result<void> check_size(const std::string& text, const char* field, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return {};
    return invalid_field(field, fmt::format("{} is {} bytes long; the maximum is {}", field, text.size(), bytes_max));
}

}  // namespace

grpc::ServerUnaryReactor* SessionService::ListSessions(Context* context, const v1::ListSessionsRequest* request,
                                                       v1::ListSessionsResponse* response) {
    return UnaryCall::start(environment_, {context, request}, Method::list_sessions, [=](UnaryCall& call) {
        if (const auto added = add_sessions(call.session(), *request, *response); !added) {
            response->Clear();
            return call.fail(added.error());
        }
        // Counted until the client has received it: the message, its encoded form, and gRPC's copy.
        if (!call.hold_bytes(response->SpaceUsedLong() + 2 * response->ByteSizeLong())) {
            response->Clear();
            return call.fail(call.environment().admission.memory_refusal());
        }
        call.succeed();
    });
}

grpc::ServerUnaryReactor* SessionService::EndSession(Context* context, const v1::EndSessionRequest* request,
                                                     v1::EndSessionResponse* /*response*/) {
    return UnaryCall::start(environment_, {context, request}, Method::end_session, [request](UnaryCall& call) {
        if (request->id().empty()) return call.fail(invalid_field("id", "id is empty; ListSessions shows the ids"));
        if (const auto fits = check_size(request->reason(), "reason", reason_bytes_max); !fits)
            return call.fail(fits.error());
        const auto name = client_name(request->client(), "");
        if (!name) return call.fail(name.error());
        const auto ended = call.session().end_session(request->id(), call.session().signature(*name),
                                                      base::printable_text(request->reason()));
        ended ? call.succeed() : call.fail(ended.error());
    });
}

grpc::ServerUnaryReactor* SessionService::SendNotice(Context* context, const v1::SendNoticeRequest* request,
                                                     v1::SendNoticeResponse* response) {
    const auto send = [=](UnaryCall& call, hub::PortHandle& port) {
        if (request->text().empty()) return call.fail(invalid_field("text", "text is empty"));
        if (const auto fits = check_size(request->text(), "text", notice_bytes_max); !fits)
            return call.fail(fits.error());
        const auto name = client_name(request->client(), "");
        if (!name) return call.fail(name.error());
        const auto readers = port.notify(request->text(), call.session().signature(*name));
        if (!readers) return call.fail(readers.error());
        response->set_readers(*readers);
        call.succeed();
    };
    return UnaryCall::start(environment_, {context, request}, Method::send_notice, request->port(), send);
}

}  // namespace vserd::rpc
