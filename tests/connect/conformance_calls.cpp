#include "connect/conformance_calls.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "connectrpc/conformance/v1/service.pb.h"
#include "google/rpc/status.pb.h"

namespace vserd::test {
namespace {

namespace v1 = connectrpc::conformance::v1;
using std::chrono::milliseconds;
using RequestInfo = v1::ConformancePayload::RequestInfo;

constexpr int deadline_exceeded = 4;
constexpr int cancelled = 1;

struct Answer {
    std::string reply = {};
    hub::CallStatus status = {};
    milliseconds delay{0};
};

hub::WireMessage wire_of(std::string reply) {
    const auto owner = std::make_shared<const std::string>(std::move(reply));
    return {{std::as_bytes(std::span(*owner))}, owner};
}

RequestInfo info_of(const hub::Calls::Request& request, const Headers& headers,
                    const google::protobuf::Message& message) {
    RequestInfo info;
    std::map<std::string, std::vector<std::string>> by_name;
    for (const auto& [name, value] : headers) by_name[name].push_back(value);
    for (const auto& [name, values] : by_name) {
        auto& header = *info.add_request_headers();
        header.set_name(name);
        for (const std::string& value : values) header.add_value(value);
    }
    if (request.deadline) {
        const auto left = *request.deadline - std::chrono::system_clock::now();
        info.set_timeout_ms(std::chrono::round<milliseconds>(left).count());
    }
    info.add_requests()->PackFrom(message);
    return info;
}

hub::CallStatus status_of(const v1::Error& error, const RequestInfo& info) {
    google::rpc::Status status;
    status.set_code(error.code());
    status.set_message(error.message());
    *status.mutable_details() = error.details();
    status.add_details()->PackFrom(info);
    return {error.code(), error.message(), status.SerializeAsString()};
}

/// Connect's trailers of a unary call are headers with a prefix.
Headers headers_of(const v1::UnaryResponseDefinition& definition) {
    Headers headers;
    for (const auto& header : definition.response_headers()) {
        for (const auto& value : header.value()) headers.emplace_back(header.name(), value);
    }
    for (const auto& trailer : definition.response_trailers()) {
        for (const auto& value : trailer.value()) headers.emplace_back("trailer-" + trailer.name(), value);
    }
    return headers;
}

template <class RequestMessage, class ResponseMessage>
Answer unary(const hub::Calls::Request& request, Relay& relay) {
    RequestMessage message;
    if (!message.ParseFromString(request.message)) return {.status = {3, "no such message", {}}};
    const auto& definition = message.response_definition();
    const RequestInfo info = info_of(request, relay.request_headers(request.client.peer), message);
    relay.set_response_headers(request.client.peer, headers_of(definition));
    Answer answer{.delay = milliseconds(definition.response_delay_ms())};
    if (definition.has_error()) {
        answer.status = status_of(definition.error(), info);
        return answer;
    }
    ResponseMessage response;
    response.mutable_payload()->set_data(definition.response_data());
    *response.mutable_payload()->mutable_request_info() = info;
    answer.reply = response.SerializeAsString();
    return answer;
}

Answer answer_to(const hub::Calls::Request& request, Relay& relay) {
    const std::string name = request.method.substr(request.method.rfind('/') + 1);
    if (name == "Unary") return unary<v1::UnaryRequest, v1::UnaryResponse>(request, relay);
    if (name == "IdempotentUnary")
        return unary<v1::IdempotentUnaryRequest, v1::IdempotentUnaryResponse>(request, relay);
    return {.status = {12, name + " is not implemented", {}}};
}

/// A call that waits for its time. All on the thread of the calls.
class Waiting : public std::enable_shared_from_this<Waiting> {
public:
    Waiting(boost::asio::io_context& context, hub::Calls::Handlers handlers)
        : timer_(context), handlers_(std::move(handlers)) {}

    void run(Answer answer, std::optional<std::chrono::system_clock::time_point> deadline) {
        const auto left = deadline ? *deadline - std::chrono::system_clock::now() : std::chrono::hours(1);
        if (left < answer.delay) answer = {.status = {deadline_exceeded, "too late", {}}};
        timer_.expires_after(left < answer.delay ? left : std::chrono::nanoseconds(answer.delay));
        timer_.async_wait([self = shared_from_this(), answer](const boost::system::error_code& error) {
            self->end(error ? Answer{.status = {cancelled, "cancelled", {}}} : answer);
        });
    }
    void cancel() { timer_.cancel(); }

private:
    void end(const Answer& answer) {
        if (answer.status.code == 0) handlers_.replied(wire_of(answer.reply));
        std::exchange(handlers_, {}).ended(answer.status);
    }

    boost::asio::steady_timer timer_;
    hub::Calls::Handlers handlers_;
};

class Handle final : public hub::Calls::Call {
public:
    Handle(boost::asio::io_context& context, std::shared_ptr<Waiting> call)
        : context_(context), call_(std::move(call)) {}
    ~Handle() override { Handle::cancel(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    void read() override {}
    void write(const std::string& /*message*/) override {}
    void cancel() override {
        boost::asio::post(context_, [call = call_] { call->cancel(); });
    }

private:
    boost::asio::io_context& context_;
    std::shared_ptr<Waiting> call_;  // shared with its timer
};

}  // namespace

ConformanceCalls::ConformanceCalls(Relay& relay) : relay_(relay), thread_([this] { context_.run(); }) {}

std::unique_ptr<hub::Calls::Call> ConformanceCalls::start(Request request, Shape /*shape*/, Handlers handlers) {
    const auto call = std::make_shared<Waiting>(context_, std::move(handlers));
    Answer answer = answer_to(request, relay_);
    boost::asio::post(context_,
                      [call, answer = std::move(answer), deadline = request.deadline] { call->run(answer, deadline); });
    return std::make_unique<Handle>(context_, call);
}

}  // namespace vserd::test
