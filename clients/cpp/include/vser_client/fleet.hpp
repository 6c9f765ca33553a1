#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "vser_client/client.hpp"
#include "vser_client/console.hpp"
#include "vser_client/result.hpp"
#include "vser_client/types.hpp"

namespace vser::client {

/// A port of a fleet. See FleetPort in vser/v1/fleet_service.proto.
struct FleetPort {
    std::string name;
    std::string bridge;   ///< the id of the bridge that owns it
    std::string address;  ///< where that bridge serves gRPC: "HOST:PORT"
    bool tls = false;     ///< it serves TLS there
    std::string description;
    State state = State::unspecified;
    std::string log_id;
    std::map<std::string, std::string> labels;
    std::int64_t claim = 0;
};

/// A vserd of a fleet.
struct FleetBridge {
    std::string id;
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
    std::string version;
    Time started;
    std::string metrics_address;  ///< where Prometheus scrapes it: "HOST:PORT"; empty: nowhere
    bool metrics_tls = false;
    std::string web;  ///< an URL; empty: none
    std::uint32_t ports = 0;
};

/// A name that two bridges configure.
struct FleetConflict {
    std::string port;
    std::string owner;
};

/// How up to date a look-up is.
struct FleetStatus {
    std::string bridge;  ///< the one that answered; empty: none, but etcd itself
    bool stale = false;  ///< it has no connection to etcd, so the answer may be old
    Time since;          ///< since when `stale` is as it is
    std::string problem;
    std::vector<FleetConflict> conflicts;
};

struct FleetPorts {
    std::vector<FleetPort> ports;  ///< by name
    FleetStatus status;
};
struct FleetBridges {
    std::vector<FleetBridge> bridges;  ///< by id
    FleetStatus status;
};
struct FoundPort {
    FleetPort port;
    bool stale = false;
};

struct FleetOptions {
    /// For the entries and for the bridges that own ports. Each must have a certificate for the host of its address (or, if it
    /// is set, for tls_name). What the fleet says about a bridge can only add TLS to this, never take it away.
    ConnectOptions connect{};
    /// Connect only to owners whose host matches one of these: "*.lab.example.org", "10.0.0.*". Empty: to any.
    std::vector<std::string> hosts{};
};

/// Answers where ports are. Implemented by the library for a bridge as the entry; a program may have another source. Functions
/// are called from any thread.
class FleetDirectory {
public:
    virtual ~FleetDirectory() = default;
    virtual Result<FleetPorts> ports() = 0;
    virtual Result<FleetBridges> bridges() = 0;
    virtual Result<FoundPort> resolve(const std::string& port) = 0;
};

/// All bridges that are registered in one etcd: finds the bridge that owns a port, and connects to it with the same credentials.
/// Copies share the connections. Every method may be called from any thread.
class Fleet {
public:
    /// `entries`: addresses as for Client::connect() of bridges of the fleet, tried in this order whenever one is needed. The
    /// error of the last one, if none answers.
    static Result<Fleet> connect(const std::vector<std::string>& entries, const FleetOptions& options = {});
    /// With another source of what is where.
    Fleet(std::shared_ptr<FleetDirectory> directory, const FleetOptions& options);

    /// The ports that the entry shows to this client.
    Result<FleetPorts> list_ports() const;
    Result<FleetBridges> bridges() const;
    /// NOT_FOUND with the closest name.
    Result<FoundPort> resolve(const std::string& port) const;

    /// A client that is connected to the bridge that owns the port. Nothing is sent to an owner that FleetOptions::hosts
    /// does not allow (PERMISSION_DENIED, reason "FLEET_HOST"), and no token without TLS ("TOKEN_NEEDS_TLS").
    Result<Client> client(const std::string& port) const;
    /// The same for a bridge.
    Result<Client> connect_to(const std::string& address, bool tls) const;

    /// Client::attach() at the owner. When the connection is lost, the console follows the port to the bridge that owns it then.
    /// It resumes by offset if the log is the same.
    Result<Console> attach(const std::string& port, ConsoleOptions options = {}) const;

private:
    struct Impl;

    std::shared_ptr<Impl> impl_;
};

}  // namespace vser::client
