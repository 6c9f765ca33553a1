#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hub/session.hpp"
#include "io/loop.hpp"
#include "net/admission.hpp"
#include "rpc/counters.hpp"
#include "rpc/passes.hpp"
#include "rpc/server_info.hpp"
#include "rpc/status.hpp"
#include "search/worker.hpp"

namespace vserd::rpc {

/// The maximum of bytes in one request: the limit of a whole message, less the size of its header.
inline constexpr std::size_t request_payload_bytes_max = std::size_t{1} << 20;
/// The maximum of bytes of a port in one reply.
inline constexpr std::size_t reply_payload_bytes_max = std::size_t{64} << 10;

inline Error payload_too_large(std::size_t bytes) {
    return {Failure::exhausted, 0, "message_bytes_max",
            "the message holds " + std::to_string(bytes) + " bytes; the maximum is " +
                std::to_string(request_payload_bytes_max) + ", so send them in pieces"};
}

/// The objects that every call uses. All outlive the calls.
struct Environment {
    hub::Hub& hub;          ///< for making the session of a call
    hub::Session& session;  ///< the server's own session, for work without a client
    io::Loop& loop;
    RpcCounters& counters;
    const ServerInfo& info;
    std::chrono::steady_clock::time_point started;
    net::Admission& admission;
    search::Worker& search;
    Passes& passes;

    /// As to_status(); if an object is missing because the server is shutting down, the status says so. Io thread.
    grpc::Status status_of(const Error& error, const ErrorContext& context = {}) const {
        if (error.failure == Failure::denied) admission.count(net::Refusal::role);
        const bool gone = error.failure == Failure::unavailable || error.failure == Failure::not_found;
        return to_status(gone && session.shutting_down() ? going_down() : error, context);
    }
};

}  // namespace vserd::rpc
