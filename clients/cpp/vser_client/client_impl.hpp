#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "vser/v1/admin_service.grpc.pb.h"
#include "vser/v1/console_service.grpc.pb.h"
#include "vser/v1/lease_service.grpc.pb.h"
#include "vser/v1/port_service.grpc.pb.h"
#include "vser/v1/session_service.grpc.pb.h"
#include "vser_client/client.hpp"

namespace vser::client {

/// The state that copies of a Client share. Stubs are thread-safe.
struct Client::Impl {
    Impl(std::string an_address, std::shared_ptr<grpc::Channel> a_channel, std::chrono::milliseconds timeout);
    ~Impl();

    std::string address;                     // as it was given to connect()
    std::shared_ptr<grpc::Channel> channel;  // shared with the stubs and the streams
    std::chrono::milliseconds call_timeout;
    std::unique_ptr<v1::PortService::Stub> ports;
    std::unique_ptr<v1::ConsoleService::Stub> console;
    std::unique_ptr<v1::AdminService::Stub> admin;
    std::unique_ptr<v1::SessionService::Stub> sessions;
    std::unique_ptr<v1::LeaseService::Stub> leases;
    std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

}  // namespace vser::client
