#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hub/calls.hpp"
#include "web/request.hpp"
#include "web/response.hpp"

namespace google::protobuf {
class MethodDescriptor;
}

namespace vserd::web {

/// The body of one unary call: JSON, or protobuf's wire format.
enum class Format : std::uint8_t { json, proto };

/// A unary call of the Connect protocol (https://connectrpc.com/docs/protocol), translated into a message for gRPC. Everything is
/// derived from the descriptors of the protos: no method has code here.
struct ConnectCall {
    const google::protobuf::MethodDescriptor* method = nullptr;
    Format format = Format::json;
    std::string message;  ///< in the wire format
    std::optional<std::chrono::system_clock::time_point> deadline;
};

/// The names of all unary methods, "vser.v1.PortService/GetPort".
std::vector<std::string> connect_methods();
/// Whether the path names a method of the package: "/vser.v1.PortService/GetPort", or could.
bool is_connect_path(std::string_view path, std::string_view package);

/// What can be refused before the body is read: another HTTP method, an unknown rpc, an encoding.
std::optional<Response> check_connect_head(const Request& request, std::string_view package);
/// The call, or the refusal. Requires: check_connect_head() returned nothing.
std::variant<ConnectCall, Response> parse_connect(const Request& request, std::string_view package);

/// The reply of a call.
Response connect_reply(const ConnectCall& call, const hub::WireMessage& message);
/// An error as Connect's JSON, with the details of google.rpc.Status.
Response connect_error(const hub::CallStatus& status);

}  // namespace vserd::web
