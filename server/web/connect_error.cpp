#include "web/connect_error.hpp"

#include <fmt/core.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "web/connect.hpp"

namespace vserd::web {
namespace {

namespace protobuf = google::protobuf;

constexpr std::size_t path_bytes_max = 100;

struct Code {
    std::string_view name;
    unsigned http_status;
};

/// By the number of the gRPC status (https://connectrpc.com/docs/protocol#error-codes).
constexpr std::array codes{Code{"ok", 200},
                           Code{"canceled", 499},
                           Code{"unknown", 500},
                           Code{"invalid_argument", 400},
                           Code{"deadline_exceeded", 504},
                           Code{"not_found", 404},
                           Code{"already_exists", 409},
                           Code{"permission_denied", 403},
                           Code{"resource_exhausted", 429},
                           Code{"failed_precondition", 400},
                           Code{"aborted", 409},
                           Code{"out_of_range", 400},
                           Code{"unimplemented", 501},
                           Code{"internal", 500},
                           Code{"unavailable", 503},
                           Code{"data_loss", 500},
                           Code{"unauthenticated", 401}};

const Code& code_of(int number) {
    constexpr std::size_t unknown = 2;
    const auto index = static_cast<std::size_t>(number);
    return codes.at(number > 0 && index < codes.size() ? index : unknown);
}

/// Without padding, as Connect has it.
std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        group = (group << 8U) | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 6; bits -= 6) text += digits[(group >> (bits - 6)) & 0x3FU];
    }
    if (bits > 0) text += digits[(group << (6 - bits)) & 0x3FU];
    return text;
}

/// The readable form of a detail, for people; programs use `value`.
void add_debug(const protobuf::Any& detail, protobuf::Struct& entry) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) return;
    protobuf::Struct& debug = *(*entry.mutable_fields())["debug"].mutable_struct_value();
    (*debug.mutable_fields())["reason"].set_string_value(info.reason());
    (*debug.mutable_fields())["domain"].set_string_value(info.domain());
    auto& metadata = *(*debug.mutable_fields())["metadata"].mutable_struct_value()->mutable_fields();
    for (const auto& [key, value] : info.metadata()) metadata[key].set_string_value(value);
}

protobuf::Value details_of(const std::string& details) {
    protobuf::Value list;
    google::rpc::Status status;
    if (!status.ParseFromString(details)) return list;
    for (const protobuf::Any& detail : status.details()) {
        protobuf::Struct& entry = *list.mutable_list_value()->add_values()->mutable_struct_value();
        const std::string& url = detail.type_url();
        (*entry.mutable_fields())["type"].set_string_value(url.substr(url.rfind('/') + 1));
        (*entry.mutable_fields())["value"].set_string_value(base64(detail.value()));
        add_debug(detail, entry);
    }
    return list;
}

std::string json_of(const protobuf::Value& value) {
    std::string json;
    return protobuf::util::MessageToJsonString(value, &json).ok() ? json : "null";
}

/// Ends of lines and tabs stay: JSON escapes them, so that a terminal does not see them.
std::string json_of(std::string_view text) {
    std::string clean;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\n\r\t"), text.size());
        clean += base::printable_text(text.substr(0, end));
        clean += text.substr(end, 1);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    protobuf::Value value;
    value.set_string_value(clean);
    return json_of(value);
}

google::rpc::ErrorInfo info_of(const char* reason) {
    google::rpc::ErrorInfo info;
    info.set_reason(reason);
    info.set_domain("vserd");
    return info;
}

std::string details_with(const google::rpc::ErrorInfo& info) {
    google::rpc::Status details;
    details.add_details()->PackFrom(info);
    return details.SerializeAsString();
}

}  // namespace

hub::CallStatus invalid_argument(std::string message) { return {3, std::move(message), {}}; }
hub::CallStatus unimplemented(std::string message) { return {12, std::move(message), {}}; }
hub::CallStatus unavailable(std::string message) { return {14, std::move(message), {}}; }

hub::CallStatus unauthenticated(std::string message) {
    return {16, std::move(message), details_with(info_of("NOT_AUTHENTICATED"))};
}

hub::CallStatus exhausted(std::string message, const std::string& limit) {
    google::rpc::ErrorInfo info = info_of("LIMIT_REACHED");
    (*info.mutable_metadata())["limit"] = limit;
    return {8, std::move(message), details_with(info)};
}

std::string shown_path(std::string_view path) { return base::printable_text(path.substr(0, path_bytes_max)); }

Response connect_error(const hub::CallStatus& status) {
    const Code& code = code_of(status.code);
    Response response{.status = code.http_status, .content_type = "application/json"};
    response.body = fmt::format("{{\"code\":\"{}\",\"message\":{}", code.name, json_of(status.message));
    const protobuf::Value details = details_of(status.details);
    if (details.has_list_value()) response.body += ",\"details\":" + json_of(details);
    response.body += "}\n";
    if (code.http_status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace vserd::web
