#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vser/v1/fleet_service.grpc.pb.h"
#include "vser_client/fleet.hpp"

namespace vser::client {

/// Asks one of several bridges. It stays with the one that answers, and goes to the next when that does not.
class BridgeDirectory final : public FleetDirectory {
public:
    BridgeDirectory(std::vector<std::string> entries, ConnectOptions options)
        : entries_(std::move(entries)), options_(std::move(options)) {}

    Result<FleetPorts> ports() override;
    Result<FleetBridges> bridges() override;
    Result<FoundPort> resolve(const std::string& port) override;

private:
    using Stub = std::shared_ptr<v1::FleetService::Stub>;

    Result<Stub> stub();
    void forget(const Stub& stub);
    template <class Ask>
    auto ask(Ask ask) -> decltype(ask(std::declval<v1::FleetService::Stub&>()));

    const std::vector<std::string> entries_;
    const ConnectOptions options_;
    std::mutex mutex_;
    std::size_t next_ = 0;  ///< guarded by mutex_; the entry to connect to
    Stub stub_;             ///< guarded by mutex_; null: not connected
};

}  // namespace vser::client
