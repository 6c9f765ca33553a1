#include "vserctl/etcd_reader.hpp"

#include <grpcpp/client_context.h>

#include <utility>

namespace vserctl {
namespace {

namespace pb = etcdserverpb;
using vserd::Error;
using vserd::Failure;
using vserd::Result;
using vserd::fleet::Connection;

/// Whether another member may do better.
bool is_of_member(const Error& error) {
    return error.failure == Failure::unavailable || error.failure == Failure::timed_out || error.failure == Failure::io;
}

}  // namespace

EtcdReader::EtcdReader(vserd::fleet::EtcdSettings settings, std::chrono::milliseconds limit)
    : settings_(std::move(settings)), limit_(limit) {}

Result<EtcdReader::Answer> EtcdReader::range(pb::RangeRequest request) {
    auto now = ask_members(request);
    if (now) return Answer{std::move(*now), false};
    if (!is_of_member(now.error())) return now.error();
    request.set_serializable(true);
    auto last = ask_members(request);
    if (!last) return now.error();
    return Answer{std::move(*last), true};
}

Result<pb::RangeResponse> EtcdReader::ask_members(const pb::RangeRequest& request) {
    Result<pb::RangeResponse> answer = Error{};
    for (std::size_t left = settings_.endpoints.size(); left > 0; --left) {
        const auto member = connect();
        if (!member) return member.error();
        answer = ask(**member, request);
        if (answer || !is_of_member(answer.error())) return answer;
        leave(*member);
    }
    return answer;
}

Result<pb::RangeResponse> EtcdReader::ask(Connection& member, const pb::RangeRequest& request) {
    for (bool again = true;; again = false) {
        const auto token = token_of(member);
        if (!token) return token.error();
        auto answer = call(member, *member.kv, &pb::KV::Stub::Range, request, *token, !request.serializable());
        // Tokens end after some minutes, or with the member.
        if (answer || answer.error().failure != Failure::unauthenticated || !again) return answer;
        forget(*token);
    }
}

Result<EtcdReader::Member> EtcdReader::connect() {
    const std::lock_guard lock(mutex_);
    if (member_) return member_;
    auto opened = open_connection(settings_, settings_.endpoints.at(endpoint_));
    if (opened) member_ = *opened;
    return opened;
}

void EtcdReader::leave(const Member& member) {
    const std::lock_guard lock(mutex_);
    if (member != member_) return;  // another thread has left it
    member_ = nullptr;
    endpoint_ = (endpoint_ + 1) % settings_.endpoints.size();
}

std::string EtcdReader::known_token() {
    const std::lock_guard lock(mutex_);
    return token_;
}

void EtcdReader::forget(const std::string& token) {
    const std::lock_guard lock(mutex_);
    if (token_ == token) token_.clear();
}

/// Empty: none is needed.
Result<std::string> EtcdReader::token_of(Connection& member) {
    if (settings_.user.empty()) return std::string();
    std::string known = known_token();
    if (!known.empty()) return known;
    return authenticate(member);
}

Result<std::string> EtcdReader::authenticate(Connection& member) {
    const auto password = read_password(settings_);
    if (!password) return password.error();
    pb::AuthenticateRequest request;
    request.set_name(settings_.user);
    request.set_password(*password);
    auto reply = call(member, *member.auth, &pb::Auth::Stub::Authenticate, request, {}, false);
    if (!reply && reply.error().failure == Failure::unsupported) return std::string();  // this etcd has no users
    if (!reply) return reply.error();
    const std::lock_guard lock(mutex_);
    token_ = reply->token();
    return token_;
}

template <class Stub, class Request, class Response>
Result<Response> EtcdReader::call(Connection& member, Stub& stub,
                                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                  const Request& request, const std::string& token, bool needs_leader) const {
    grpc::ClientContext context;
    context.set_deadline(gpr_time_from_millis(limit_.count(), GPR_TIMESPAN));  // no jump of a clock changes it
    if (!token.empty()) context.AddMetadata("token", token);
    if (needs_leader) context.AddMetadata("hasleader", "true");  // else a member without one answers after seconds
    Response response;
    const auto status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return to_error(status, member.endpoint, settings_);
    return response;
}

}  // namespace vserctl
