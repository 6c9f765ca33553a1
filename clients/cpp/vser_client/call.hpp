#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "vser_client/cancellation.hpp"
#include "vser_client/result.hpp"
#include "vser_client/status.hpp"

namespace vser::client {

using Deadline = std::chrono::system_clock::time_point;

inline Deadline after(std::chrono::milliseconds timeout) { return std::chrono::system_clock::now() + timeout; }

/// Runs one unary call of a stub and converts its reply.
template <class Stub, class Request, class Response, class Convert>
auto call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
          const std::type_identity_t<Request>& request, Deadline deadline, Convert convert)
    -> Result<decltype(convert(std::declval<const Response&>()))> {
    grpc::ClientContext context;
    context.set_deadline(deadline);
    const Cancellation::Running running([&context] { context.TryCancel(); });
    Response response;
    const auto status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return to_error(status);
    return convert(std::as_const(response));
}

template <class Request>
Request for_port(const std::string& port) {
    Request request;
    request.set_port(port);
    return request;
}

}  // namespace vser::client
