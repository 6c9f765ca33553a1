#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "integration/rpc_client.hpp"
#include "soak/world.hpp"

namespace vserd::soak {

/// Attached to one port from its first byte on, always reading: there is no gap for it, and it is what the device goes by.
class SteadyReader {
public:
    SteadyReader(World& world, std::shared_ptr<Port> port);
    ~SteadyReader();
    SteadyReader(const SteadyReader&) = delete;
    SteadyReader& operator=(const SteadyReader&) = delete;

    /// Waits until the server ends it, and returns how.
    grpc::Status wait();

private:
    void run();

    World& world_;
    const std::shared_ptr<Port> port_;
    rpc_test::Client client_;
    rpc_test::Call call_{std::chrono::hours(24)};
    grpc::Status status_;
    std::thread thread_;
};

/// The same of all ports in one stream.
class SteadyCollector {
public:
    explicit SteadyCollector(World& world);
    ~SteadyCollector();
    SteadyCollector(const SteadyCollector&) = delete;
    SteadyCollector& operator=(const SteadyCollector&) = delete;

    grpc::Status wait();

private:
    void run();

    World& world_;
    rpc_test::Client client_;
    rpc_test::Call call_{std::chrono::hours(24)};
    grpc::Status status_;
    std::thread thread_;
};

}  // namespace vserd::soak
