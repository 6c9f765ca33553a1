#include "rpc/status.hpp"

#include <fmt/core.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace vserd::rpc {
namespace {

// gRPC limits all trailers together to 8 KiB, and some of these texts quote the client's request.
constexpr std::size_t message_bytes_max = 1024;
constexpr std::size_t metadata_bytes_max = 256;

const char* const subject_going_down = "server";
const char* const subject_port_removed = "removed";
const char* const subject_audit = "audit";

struct Shape {
    grpc::StatusCode code;
    const char* reason;   // ErrorInfo.reason
    const char* subject;  // the metadata key of Error::subject; null: none
};

Shape shape_of_errno(int errno_value) {
    switch (errno_value) {
        case EINVAL:
        case ERANGE: return {grpc::StatusCode::INVALID_ARGUMENT, "REJECTED_BY_DEVICE", nullptr};
        case EIO:
        case ENODEV:
        case ENXIO:
        case ENOENT: return {grpc::StatusCode::UNAVAILABLE, "DEVICE_AWAY", nullptr};
        case ENOTTY:
        case EOPNOTSUPP: return {grpc::StatusCode::FAILED_PRECONDITION, "UNSUPPORTED", "capability"};
        case EBUSY: return {grpc::StatusCode::FAILED_PRECONDITION, "DEVICE_BUSY", nullptr};
        case EACCES:
        case EPERM: return {grpc::StatusCode::PERMISSION_DENIED, "DEVICE_PERMISSION", nullptr};
        case ENOMEM:
        case EMFILE:
        case ENFILE: return {grpc::StatusCode::RESOURCE_EXHAUSTED, "SYSTEM_LIMIT", nullptr};
        case ETIMEDOUT: return {grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE", nullptr};
        default: return {grpc::StatusCode::INTERNAL, "IO_ERROR", nullptr};
    }
}

Shape shape_of(const Error& error) {
    switch (error.failure) {
        case Failure::invalid_argument: return {grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD", "field"};
        case Failure::not_found: return {grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND", "port"};
        case Failure::unsupported: return {grpc::StatusCode::FAILED_PRECONDITION, "UNSUPPORTED", "capability"};
        case Failure::unavailable:
            if (error.subject == subject_going_down)
                return {grpc::StatusCode::UNAVAILABLE, "SERVER_GOING_DOWN", nullptr};
            if (error.subject == subject_port_removed) return {grpc::StatusCode::UNAVAILABLE, "PORT_REMOVED", nullptr};
            if (error.subject == subject_audit) return {grpc::StatusCode::UNAVAILABLE, "AUDIT_UNAVAILABLE", nullptr};
            return {grpc::StatusCode::UNAVAILABLE, "DEVICE_AWAY", nullptr};
        case Failure::out_of_range: return {grpc::StatusCode::OUT_OF_RANGE, "OFFSET_NOT_REACHED", "field"};
        case Failure::refused: return {grpc::StatusCode::FAILED_PRECONDITION, "PORT_HELD", "holder"};
        case Failure::lease_lost: return {grpc::StatusCode::FAILED_PRECONDITION, "LEASE_LOST", "holder"};
        case Failure::denied: return {grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW", "needed"};
        case Failure::unauthenticated: return {grpc::StatusCode::UNAUTHENTICATED, "NOT_AUTHENTICATED", nullptr};
        case Failure::no_session: return {grpc::StatusCode::NOT_FOUND, "SESSION_NOT_FOUND", "session"};
        case Failure::ended: return {grpc::StatusCode::ABORTED, "SESSION_ENDED", "by"};
        case Failure::exhausted: return {grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_REACHED", "limit"};
        case Failure::timed_out: return {grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE", nullptr};
        case Failure::io: return shape_of_errno(error.errno_value);
    }
    return {grpc::StatusCode::INTERNAL, "IO_ERROR", nullptr};
}

/// The first `size_max` bytes; does not split a UTF-8 character.
std::string cut(std::string_view text, std::size_t size_max) {
    if (text.size() <= size_max) return std::string(text);
    std::size_t end = size_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return std::string(text.substr(0, end)) + "...";
}

}  // namespace

grpc::Status to_status(const Error& error, const ErrorContext& context) {
    const Shape shape = shape_of(error);
    google::rpc::ErrorInfo info;
    info.set_reason(shape.reason);
    info.set_domain("vserd");
    auto& metadata = *info.mutable_metadata();
    if (!context.port.empty()) metadata["port"] = cut(context.port, metadata_bytes_max);
    if (shape.subject != nullptr && !error.subject.empty()) {
        metadata[shape.subject] = cut(error.subject, metadata_bytes_max);
    }
    for (const auto& [key, value] : error.details) metadata[key] = cut(value, metadata_bytes_max);
    if (error.errno_value != 0) metadata["errno"] = errno_name(error.errno_value);
    if (context.bytes_taken) metadata["bytes_taken"] = std::to_string(*context.bytes_taken);
    if (context.head) metadata["head"] = std::to_string(*context.head);

    google::rpc::Status details;
    details.set_code(shape.code);
    details.set_message(cut(error.message, message_bytes_max));
    details.add_details()->PackFrom(info);
    return grpc::Status(shape.code, details.message(), details.SerializeAsString());
}

Error invalid_field(std::string field, std::string message) {
    return {Failure::invalid_argument, 0, std::move(field), std::move(message)};
}

Error going_down() { return {Failure::unavailable, 0, subject_going_down, "the server is shutting down"}; }

Error port_removed(std::string_view port) {
    return {Failure::unavailable, 0, subject_port_removed,
            fmt::format("port \"{}\" was removed or replaced by a reload of the configuration", port)};
}

}  // namespace vserd::rpc
