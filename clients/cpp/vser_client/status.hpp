#pragma once

#include <grpcpp/support/status.h>

#include "vser_client/result.hpp"

namespace vser::client {

/// The Error of a status that is not OK, with the ErrorInfo of its details.
Error to_error(const grpc::Status& status);

}  // namespace vser::client
