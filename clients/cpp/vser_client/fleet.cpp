#include "vser_client/fleet.hpp"

#include <mutex>
#include <utility>

#include "vser_client/bridge_directory.hpp"
#include "vser_client/owner_address.hpp"

namespace vser::client {
namespace {

constexpr std::size_t kept_clients_max = 64;

}  // namespace

/// What the copies of a Fleet share.
struct Fleet::Impl {
    Impl(std::shared_ptr<FleetDirectory> a_directory, FleetOptions some_options)
        : directory(std::move(a_directory)), options(std::move(some_options)) {}

    std::optional<Client> kept(const std::string& address) {
        const std::lock_guard lock(mutex);
        const auto found = clients.find(address);
        return found == clients.end() ? std::nullopt : std::optional(found->second);
    }

    void keep(const std::string& address, const Client& client) {
        const std::lock_guard lock(mutex);
        if (clients.size() >= kept_clients_max) clients.erase(clients.begin());
        clients.insert_or_assign(address, client);
    }

    const std::shared_ptr<FleetDirectory> directory;
    const FleetOptions options;
    std::mutex mutex;
    std::map<std::string, Client> clients;  ///< guarded by mutex; by address
};

Fleet::Fleet(std::shared_ptr<FleetDirectory> directory, const FleetOptions& options)
    : impl_(std::make_shared<Impl>(std::move(directory), options)) {}

Result<Fleet> Fleet::connect(const std::vector<std::string>& entries, const FleetOptions& options) {
    if (entries.empty()) {
        return Error{.code = Code::invalid_argument, .message = "the fleet has no entry: name a bridge of it"};
    }
    for (const std::string& entry : entries) {
        if (!entry.starts_with("etcd://") && !entry.starts_with("etcds://")) continue;
        return Error{.code = Code::invalid_argument,
                     .message = "the library does not ask etcd itself: name a bridge of the fleet instead of " +
                                entry.substr(0, 100) +
                                ", or give Fleet a FleetDirectory of yours (vserctl --fleet has one)",
                     .reason = "FLEET_ENTRY"};
    }
    Fleet fleet(std::make_shared<BridgeDirectory>(entries, options.connect), options);
    if (const auto answered = fleet.bridges(); !answered) return answered.error();
    return fleet;
}

Result<FleetPorts> Fleet::list_ports() const { return impl_->directory->ports(); }
Result<FleetBridges> Fleet::bridges() const { return impl_->directory->bridges(); }
Result<FoundPort> Fleet::resolve(const std::string& port) const { return impl_->directory->resolve(port); }

Result<Client> Fleet::client(const std::string& port) const {
    const auto found = resolve(port);
    if (!found) return found.error();
    return connect_to(found->port.address, found->port.tls);
}

Result<Client> Fleet::connect_to(const std::string& address, bool tls) const {
    if (auto problem = owner_problem(address, tls, impl_->options)) return *std::move(problem);
    if (auto kept = impl_->kept(address)) return *std::move(kept);
    ConnectOptions connect = impl_->options.connect;
    connect.tls = connect.tls || tls;
    auto client = Client::connect(address, connect);
    if (client) impl_->keep(address, *client);
    return client;
}

Result<Console> Fleet::attach(const std::string& port, ConsoleOptions options) const {
    const auto owner = client(port);
    if (!owner) return owner.error();
    options.find = [fleet = *this, port] { return fleet.client(port); };
    return owner->attach(port, std::move(options));
}

}  // namespace vser::client
