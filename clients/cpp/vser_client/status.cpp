#include "vser_client/status.hpp"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace vser::client {
namespace {

// The details are a google.rpc.Status (https://google.aip.dev/193); other details are ignored.
void take_error_info(const std::string& details, Error& error) {
    google::rpc::Status decoded;
    if (details.empty() || !decoded.ParseFromString(details)) return;
    for (const auto& any : decoded.details()) {
        google::rpc::ErrorInfo info;
        if (!any.Is<google::rpc::ErrorInfo>() || !any.UnpackTo(&info)) continue;
        error.reason = info.reason();
        error.metadata.insert(info.metadata().begin(), info.metadata().end());
    }
}

}  // namespace

Error to_error(const grpc::Status& status) {
    Error error;
    error.code = static_cast<Code>(status.error_code());
    error.message = status.error_message();
    take_error_info(status.error_details(), error);
    return error;
}

}  // namespace vser::client
