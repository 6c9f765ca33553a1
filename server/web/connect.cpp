#include "web/connect.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "web/codec.hpp"
#include "web/connect_error.hpp"

namespace vserd::web {
namespace {

using google::protobuf::MethodDescriptor;

constexpr std::string_view json_type = "application/json";
constexpr std::string_view proto_type = "application/proto";
constexpr std::size_t timeout_digits_max = 10;

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = text.find_last_not_of(' ');
    return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end + 1 - begin);
}

/// JSON may say that it is UTF-8, and is nothing else.
std::optional<Format> format_of(const Request& request) {
    const std::string value = lower(request.header("content-type").value_or(""));
    const std::size_t semicolon = std::min(value.find(';'), value.size());
    const std::string_view type = trimmed(std::string_view(value).substr(0, semicolon));
    const std::string_view rest = trimmed(std::string_view(value).substr(std::min(semicolon + 1, value.size())));
    if (type == proto_type && rest.empty()) return Format::proto;
    if (type == json_type && (rest.empty() || rest == "charset=utf-8" || rest == "charset=\"utf-8\""))
        return Format::json;
    return std::nullopt;
}

Response unsupported_type() {
    Response response = plain(415, "send the request as application/json or application/proto");
    response.headers.emplace_back("Accept-Post", "application/json, application/proto");
    return response;
}

Response unknown_method(std::string_view path) {
    Response response = connect_error(unimplemented(fmt::format("there is no rpc {}", shown_path(path))));
    response.status = 404;
    return response;
}

std::optional<Response> check_method(const Request& request, std::string_view package) {
    const MethodDescriptor* const method = find_method(request.path, package);
    if (method == nullptr) return unknown_method(request.path);
    if (request.method != "POST") return method_not_allowed("POST");
    if (is_streaming(*method)) {
        return connect_error(
            unimplemented(fmt::format("{} is a stream: use the WebSocket or gRPC", shown_path(request.path))));
    }
    return std::nullopt;
}

/// The deadline; nothing: none. An error if the header makes no sense.
std::variant<std::optional<std::chrono::system_clock::time_point>, Response> deadline_of(const Request& request) {
    const auto text = request.header("connect-timeout-ms");
    if (!text) return std::optional<std::chrono::system_clock::time_point>{};
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), ms);
    if (error != std::errc{} || end != text->data() + text->size() || text->size() > timeout_digits_max || ms < 0) {
        return connect_error(invalid_argument("Connect-Timeout-Ms must be a number of at most 10 digits"));
    }
    return std::optional(std::chrono::system_clock::now() + std::chrono::milliseconds(ms));
}

}  // namespace

std::vector<std::string> connect_methods() {
    std::vector<std::string> names;
    for (const MethodDescriptor* method : all_methods()) {
        if (!is_streaming(*method)) names.push_back(path_of(*method).substr(1));
    }
    return names;
}

bool is_connect_path(std::string_view path, std::string_view package) {
    if (!path.starts_with('/')) return false;
    path.remove_prefix(1);
    return path.starts_with(package) && path.substr(package.size()).starts_with('.');
}

std::optional<Response> check_connect_head(const Request& request, std::string_view package) {
    if (auto refusal = check_method(request, package)) return refusal;
    if (!format_of(request)) return unsupported_type();
    const std::string_view version = request.header("connect-protocol-version").value_or("1");
    if (version != "1") return connect_error(invalid_argument("Connect-Protocol-Version must be 1"));
    const std::string encoding = lower(request.header("content-encoding").value_or("identity"));
    if (encoding != "identity") {
        return connect_error(
            unimplemented("this server knows no compression of requests; supported encodings are identity"));
    }
    return std::nullopt;
}

std::variant<ConnectCall, Response> parse_connect(const Request& request, std::string_view package) {
    ConnectCall call;
    call.method = find_method(request.path, package);
    call.format = format_of(request).value_or(Format::json);
    auto deadline = deadline_of(request);
    if (auto* refusal = std::get_if<Response>(&deadline)) return std::move(*refusal);
    call.deadline = std::get<0>(deadline);
    auto message = to_wire(*call.method, call.format, request.body);
    if (!message) return connect_error(invalid_argument(message.error().message));
    call.message = std::move(*message);
    return call;
}

Response connect_reply(const ConnectCall& call, const hub::WireMessage& message) {
    std::string wire;
    wire.reserve(message.size());
    for (const auto& piece : message.pieces) wire.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (call.format == Format::proto) return {.content_type = std::string(proto_type), .body = std::move(wire)};
    auto json = to_json(*call.method, wire);
    if (!json) return connect_error({13, json.error().message, {}});
    return {.content_type = std::string(json_type), .body = std::move(*json)};
}

}  // namespace vserd::web
