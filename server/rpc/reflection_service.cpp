#include "rpc/reflection_service.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "rpc/caller.hpp"
#include "rpc/status.hpp"
#include "vser/v1/admin_service.pb.h"
#include "vser/v1/console_service.pb.h"
#include "vser/v1/fleet_service.pb.h"
#include "vser/v1/lease_service.pb.h"
#include "vser/v1/port_service.pb.h"
#include "vser/v1/session_service.pb.h"

namespace vserd::rpc {
namespace {

namespace reflection = grpc::reflection::v1alpha;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

const DescriptorPool& pool() { return *DescriptorPool::generated_pool(); }

/// The files that declare what this server serves.
std::vector<const FileDescriptor*> served_files() {
    return {::vser::v1::ListPortsRequest::descriptor()->file(),
            ::vser::v1::ReadRequest::descriptor()->file(),
            ::vser::v1::GetServerInfoRequest::descriptor()->file(),
            ::vser::v1::ListSessionsRequest::descriptor()->file(),
            ::vser::v1::AcquireRequest::descriptor()->file(),
            ::vser::v1::ListBridgesRequest::descriptor()->file(),
            grpc::health::v1::HealthCheckRequest::descriptor()->file(),
            reflection::ServerReflectionRequest::descriptor()->file()};
}

void list_services(reflection::ListServiceResponse& response) {
    std::set<std::string> names;
    for (const FileDescriptor* file : served_files()) {
        for (int i = 0; i < file->service_count(); ++i) names.insert(file->service(i)->full_name());
    }
    for (const std::string& name : names) response.add_service()->set_name(name);
}

void add_with_imports(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
                      reflection::FileDescriptorResponse& response) {
    if (!added.insert(&file).second) return;
    google::protobuf::FileDescriptorProto description;
    file.CopyTo(&description);
    response.add_file_descriptor_proto(description.SerializeAsString());
    for (int i = 0; i < file.dependency_count(); ++i) add_with_imports(*file.dependency(i), added, response);
}

void not_found(const std::string& what, reflection::ServerReflectionResponse& response) {
    response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    response.mutable_error_response()->set_error_message(what.substr(0, 256) + " is not known here");
}

/// vserd calls etcd, but does not serve its services.
bool is_served_by_others(const FileDescriptor& file) { return file.name().starts_with("etcd/"); }

void answer_file(const FileDescriptor* file, const std::string& what, reflection::ServerReflectionResponse& response) {
    if (file == nullptr || is_served_by_others(*file)) return not_found(what, response);
    std::set<const FileDescriptor*> added;
    add_with_imports(*file, added, *response.mutable_file_descriptor_response());
}

const FileDescriptor* file_of_extension(const reflection::ExtensionRequest& wanted) {
    const auto* type = pool().FindMessageTypeByName(wanted.containing_type());
    const auto* extension = type == nullptr ? nullptr : pool().FindExtensionByNumber(type, wanted.extension_number());
    return extension == nullptr ? nullptr : extension->file();
}

void answer_extensions(const std::string& type_name, reflection::ServerReflectionResponse& response) {
    const auto* type = pool().FindMessageTypeByName(type_name);
    if (type == nullptr) return not_found(type_name, response);
    std::vector<const google::protobuf::FieldDescriptor*> extensions;
    pool().FindAllExtensions(type, &extensions);
    auto& answer = *response.mutable_all_extension_numbers_response();
    answer.set_base_type_name(type_name);
    for (const auto* extension : extensions) answer.add_extension_number(extension->number());
}

/// One stream, which answers one request after the other. Owns itself until gRPC is done with it.
class Stream final
    : public grpc::ServerBidiReactor<reflection::ServerReflectionRequest, reflection::ServerReflectionResponse> {
public:
    explicit Stream(Result<net::Ticket> ticket) {
        if (!ticket) {
            Finish(to_status(ticket.error()));
            return;
        }
        ticket_ = std::move(*ticket);
        StartRead(&request_);
    }

    void OnReadDone(bool ok) override {
        if (!ok) return Finish(grpc::Status::OK);
        ticket_.received(request_.ByteSizeLong());
        response_ = reflect(request_);
        StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
        if (!ok) return Finish(grpc::Status::CANCELLED);
        response_.Clear();
        StartRead(&request_);
    }
    void OnDone() override { delete this; }

private:
    net::Ticket ticket_;
    reflection::ServerReflectionRequest request_;
    reflection::ServerReflectionResponse response_;
};

/// Admits a call of a client that the rules know.
Result<net::Ticket> admit_known(Environment& environment, const grpc::ServerContextBase& context) {
    auto admitted = admit(environment, context, net::stream_bytes, 0);
    if (!admitted) return admitted.error();
    const hub::Session session(environment.hub, std::move(admitted->client));
    if (const auto known = session.check_known(); !known) return known.error();
    return std::move(admitted->ticket);
}

}  // namespace

reflection::ServerReflectionResponse reflect(const reflection::ServerReflectionRequest& request) {
    using Request = reflection::ServerReflectionRequest;
    reflection::ServerReflectionResponse response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
        case Request::kFileByFilename:
            answer_file(pool().FindFileByName(request.file_by_filename()), request.file_by_filename(), response);
            break;
        case Request::kFileContainingSymbol:
            answer_file(pool().FindFileContainingSymbol(request.file_containing_symbol()),
                        request.file_containing_symbol(), response);
            break;
        case Request::kFileContainingExtension:
            answer_file(file_of_extension(request.file_containing_extension()),
                        request.file_containing_extension().containing_type(), response);
            break;
        case Request::kAllExtensionNumbersOfType:
            answer_extensions(request.all_extension_numbers_of_type(), response);
            break;
        case Request::kListServices: list_services(*response.mutable_list_services_response()); break;
        case Request::MESSAGE_REQUEST_NOT_SET:
            response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
            response.mutable_error_response()->set_error_message("the request asks for nothing");
            break;
    }
    return response;
}

grpc::ServerBidiReactor<reflection::ServerReflectionRequest, reflection::ServerReflectionResponse>*
ReflectionService::ServerReflectionInfo(grpc::CallbackServerContext* context) {
    return new Stream(admit_known(environment_, *context));
}

}  // namespace vserd::rpc
