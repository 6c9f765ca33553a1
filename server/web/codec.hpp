#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "web/connect.hpp"

namespace vserd::web {

/// All rpcs of the package vser.v1.
std::vector<const google::protobuf::MethodDescriptor*> all_methods();
/// "/vser.v1.PortService/GetPort" -> its descriptor; null: there is none in that package.
const google::protobuf::MethodDescriptor* find_method(std::string_view path, std::string_view package);
std::string path_of(const google::protobuf::MethodDescriptor& method);
bool is_streaming(const google::protobuf::MethodDescriptor& method);

/// A request body as a serialized message. The error says what is wrong with it.
Result<std::string> to_wire(const google::protobuf::MethodDescriptor& method, Format format, const std::string& body);
/// A serialized reply as JSON, with the names of fields as in the protos.
Result<std::string> to_json(const google::protobuf::MethodDescriptor& method, const std::string& wire);

}  // namespace vserd::web
