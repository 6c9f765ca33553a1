#pragma once

#include <grpcpp/support/status.h>

#include "vser_client/result.hpp"

namespace vser::client {

/// Converts a status that is not OK to an Error, with the ErrorInfo of its details.
Error to_error(const grpc::Status& status);

}  // namespace vser::client
