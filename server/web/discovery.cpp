#include "web/discovery.hpp"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <string>

namespace vserd::web {
namespace {

namespace protobuf = google::protobuf;

/// Nothing of the fleet has been read yet: an empty list would make Prometheus forget everything.
bool is_unread(const roster::Status& status) { return status.stale && status.revision == 0; }

Response unread(const roster::Status& status) {
    const std::string why = status.problem.empty() ? "the fleet has not been read from etcd yet" : status.problem;
    Response response = plain(503, why);
    response.headers.emplace_back("Retry-After", "5");
    return response;
}

void add_target(const roster::Bridge& bridge, protobuf::ListValue& list) {
    auto& fields = *list.add_values()->mutable_struct_value()->mutable_fields();
    fields["targets"].mutable_list_value()->add_values()->set_string_value(bridge.metrics_address);
    auto& labels = *fields["labels"].mutable_struct_value()->mutable_fields();
    labels["__meta_vserd_bridge"].set_string_value(bridge.id);
    labels["__meta_vserd_version"].set_string_value(bridge.version);
    labels["__meta_vserd_address"].set_string_value(bridge.address);
    labels["__meta_vserd_web"].set_string_value(bridge.web);
    labels["__scheme__"].set_string_value(bridge.metrics_tls ? "https" : "http");
}

std::string list_of(const roster::Roster& roster) {
    protobuf::ListValue list;
    for (const roster::BridgeRef& bridge : roster.bridges()) {
        if (!bridge->metrics_address.empty()) add_target(*bridge, list);
    }
    std::string json;
    if (!protobuf::util::MessageToJsonString(list, &json).ok()) return {};
    return json + '\n';
}

}  // namespace

Response discovery(const roster::Roster* roster) {
    if (roster == nullptr) return plain(404, "this vserd is in no fleet; configure [fleet] to find other bridges here");
    const roster::Status status = roster->status();
    if (is_unread(status)) return unread(status);
    std::string list = list_of(*roster);
    if (list.empty()) return plain(500, "an entry of the fleet is not valid UTF-8");
    return {.content_type = "application/json", .body = std::move(list)};
}

}  // namespace vserd::web
