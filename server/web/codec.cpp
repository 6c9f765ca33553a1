#include "web/codec.hpp"

#include <fmt/core.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"
#include "vser/v1/admin_service.pb.h"
#include "vser/v1/console_service.pb.h"
#include "vser/v1/fleet_service.pb.h"
#include "vser/v1/lease_service.pb.h"
#include "vser/v1/port_service.pb.h"
#include "vser/v1/session_service.pb.h"

namespace vserd::web {
namespace {

namespace protobuf = google::protobuf;
using protobuf::FileDescriptor;
using protobuf::MethodDescriptor;

constexpr std::size_t reason_bytes_max = 300;

std::vector<const FileDescriptor*> files() {
    return {
        ::vser::v1::ListPortsRequest::descriptor()->file(),     ::vser::v1::ReadRequest::descriptor()->file(),
        ::vser::v1::GetServerInfoRequest::descriptor()->file(), ::vser::v1::ListSessionsRequest::descriptor()->file(),
        ::vser::v1::AcquireRequest::descriptor()->file(),       ::vser::v1::ListBridgesRequest::descriptor()->file()};
}

std::unique_ptr<protobuf::Message> message_of(const protobuf::Descriptor& type) {
    return std::unique_ptr<protobuf::Message>(
        protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

/// `why`: what protobuf says. Of JSON, the lines after the first show the place, with a mark below it.
Error invalid(const protobuf::Descriptor& type, std::string_view what, std::string_view why) {
    why = why.substr(0, why.find('\n'));
    return {Failure::invalid_argument, 0, "",
            fmt::format("the body is not a {} in {}: {}", type.full_name(), what,
                        base::printable_text(why.substr(0, reason_bytes_max)))};
}

}  // namespace

std::vector<const MethodDescriptor*> all_methods() {
    std::vector<const MethodDescriptor*> methods;
    for (const FileDescriptor* file : files()) {
        for (int i = 0; i < file->service_count(); ++i) {
            const auto& service = *file->service(i);
            for (int j = 0; j < service.method_count(); ++j) methods.push_back(service.method(j));
        }
    }
    return methods;
}

const MethodDescriptor* find_method(std::string_view path, std::string_view package) {
    if (!path.starts_with('/')) return nullptr;
    std::string name(path.substr(1));
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || name.find('.', slash) != std::string::npos) return nullptr;
    name[slash] = '.';
    const MethodDescriptor* const method = protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
    return method != nullptr && package == method->file()->package() ? method : nullptr;
}

std::string path_of(const MethodDescriptor& method) {
    return fmt::format("/{}/{}", method.service()->full_name(), method.name());
}

bool is_streaming(const MethodDescriptor& method) { return method.client_streaming() || method.server_streaming(); }

Result<std::string> to_wire(const MethodDescriptor& method, Format format, const std::string& body) {
    const protobuf::Descriptor& type = *method.input_type();
    const auto message = message_of(type);
    if (format == Format::proto) {
        if (!message->ParseFromString(body)) return invalid(type, "protobuf's wire format", "it cannot be parsed");
        return body;
    }
    const auto parsed = protobuf::util::JsonStringToMessage(body, message.get());
    if (!parsed.ok()) return invalid(type, "JSON", std::string(parsed.message()));
    return message->SerializeAsString();
}

Result<std::string> to_json(const MethodDescriptor& method, const std::string& wire) {
    const auto message = message_of(*method.output_type());
    protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    if (!message->ParseFromString(wire) || !protobuf::util::MessageToJsonString(*message, &json, options).ok()) {
        return Error{Failure::io, 0, "", "the reply cannot be converted to JSON"};
    }
    return json + '\n';
}

}  // namespace vserd::web
