#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace vserd::rpc {

/// What the error itself does not know.
struct ErrorContext {
    std::string_view port = {};
    std::optional<std::uint64_t> bytes_taken = std::nullopt;  ///< of a write that was not taken whole
    std::optional<std::uint64_t> head = std::nullopt;         ///< the offset an out_of_range request may ask for
};

/// The one place where an Error becomes a gRPC status: the code, the sentence, and a google.rpc.ErrorInfo detail with a
/// reason (listed in proto/README.md), the errno's name and what else a program would branch on. Long texts are cut.
grpc::Status to_status(const Error& error, const ErrorContext& context = {});

/// INVALID_ARGUMENT about `field`.
Error invalid_field(std::string field, std::string message);
/// UNAVAILABLE, as every call ends that outlives the server.
Error going_down();
/// UNAVAILABLE, as streams of a port end that a reload removed or replaced.
Error port_removed(std::string_view port);

}  // namespace vserd::rpc
