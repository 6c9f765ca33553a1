#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace vserd::rpc {

/// Details that the Error does not contain.
struct ErrorContext {
    std::string_view port = {};
    std::optional<std::uint64_t> bytes_taken = std::nullopt;  ///< by a write that was accepted only in part
    std::optional<std::uint64_t> head = std::nullopt;         ///< the highest valid offset, for out_of_range
};

/// The only place that converts an Error to a gRPC status: the code, the message, and a google.rpc.ErrorInfo with a reason
/// (listed in proto/README.md), the name of the errno and other metadata for programs. Truncates long texts.
grpc::Status to_status(const Error& error, const ErrorContext& context = {});

/// INVALID_ARGUMENT about `field`.
Error invalid_field(std::string field, std::string message);
/// UNAVAILABLE: the status of calls that are still active when the server stops.
Error going_down();
/// UNAVAILABLE: the status of streams whose port a reload removed or replaced.
Error port_removed(std::string_view port);

}  // namespace vserd::rpc
