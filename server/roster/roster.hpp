#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/labels.hpp"

namespace vserd::roster {

using Time = std::chrono::system_clock::time_point;

/// A port of the fleet: see FleetPort in proto/vser/v1/fleet_service.proto.
struct Port {
    std::string name;
    std::string bridge;
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
    bool online = false;
    std::string description;
    std::string log_id;
    base::Labels labels;
    std::int64_t claim = 0;  ///< etcd's create_revision of the name

    bool operator==(const Port&) const = default;
};
using PortRef = std::shared_ptr<const Port>;

/// A bridge of the fleet: see Bridge in fleet_service.proto.
struct Bridge {
    std::string id;
    std::string address;  ///< "HOST:PORT"
    bool tls = false;
    std::string version;
    Time started{};
    std::string metrics_address;  ///< "HOST:PORT"; empty: none
    bool metrics_tls = false;
    std::string web;  ///< an URL; empty: none
    std::string machine;

    bool operator==(const Bridge&) const = default;
};
using BridgeRef = std::shared_ptr<const Bridge>;

/// A name that this bridge serves but does not own in the fleet.
struct Conflict {
    std::string port;
    std::string owner;

    bool operator==(const Conflict&) const = default;
};

struct Status {
    std::string bridge;  ///< the id of this one
    bool stale = true;
    Time since{};
    std::string problem;  ///< empty if all is well
    std::int64_t revision = 0;
    std::vector<Conflict> conflicts;
};

/// What changed. The name is a port's name or a bridge's id.
enum class Kind : std::uint8_t { port, bridge, status };
struct Change {
    Kind kind;
    std::string name;

    auto operator<=>(const Change&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 is wrong here
};

/// The bridges and ports of the fleet, as far as this bridge knows. Values only: fleet/ writes them, faces read them. All functions
/// may be called on any thread.
class Roster {
public:
    PortRef port(std::string_view name) const;
    /// In the order of names; null: there are no more.
    PortRef port_after(std::string_view name) const;
    BridgeRef bridge(std::string_view id) const;
    std::vector<BridgeRef> bridges() const;
    /// How many ports that bridge owns.
    std::size_t ports_of(std::string_view bridge) const;
    std::size_t size() const;  ///< ports
    std::size_t bridge_count() const;
    Status status() const;

    void put(Port port);
    void put(Bridge bridge);
    void remove_port(std::string_view name);
    void remove_bridge(std::string_view id);
    void set_status(Status status);
    /// Changes only that, and reports it with the next change of the status: it changes with every entry.
    void set_revision(std::int64_t revision);

    /// Collects what changes while it exists. A slow owner finds each name once, so the memory is bounded by the fleet's size.
    class Watch {
    public:
        /// `wake` is called after each first change since take(), on the thread that made it; it must not call the roster.
        Watch(Roster& roster, std::function<void()> wake);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

        /// One change; empty: nothing more has changed. What it names may be gone.
        std::optional<Change> take();

    private:
        friend class Roster;
        Roster& roster_;
        std::function<void()> wake_;
        std::set<Change> changed_;
    };

private:
    void tell(const Change& change);
    void count(const Port& port, int by);

    mutable std::mutex mutex_;
    std::map<std::string, PortRef, std::less<>> ports_;
    std::map<std::string, BridgeRef, std::less<>> bridges_;
    std::map<std::string, std::size_t, std::less<>> ports_of_;
    Status status_;
    std::set<Watch*> watches_;
};

}  // namespace vserd::roster
