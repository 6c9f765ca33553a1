#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/backoff.hpp"
#include "fleet/claims.hpp"
#include "fleet/health.hpp"
#include "fleet/lease.hpp"
#include "fleet/link.hpp"
#include "fleet/settings.hpp"
#include "fleet/signal.hpp"

namespace vserd::fleet {

/// Registers the bridge and its ports under the lease: first the bridge's own key, and the ports only while that one is ours.
/// Fleet thread.
class Registrar {
public:
    /// All outlive this.
    Registrar(boost::asio::io_context& context, Link& link, Health& health, const Settings& settings, Lease& lease);

    Awaitable<> run();
    void stop();
    void lease_changed();

    void want(roster::Port port);
    void drop(const std::string& name);

    // What the mirror sees.
    /// etcd has lost what it knew, and counts its revisions anew.
    void history_lost();
    void saw_port(std::string_view name, const Owner& owner);
    void saw_port_free(std::string_view name, std::int64_t revision);
    void saw_bridge_free(std::string_view id, std::int64_t revision);
    /// The mirror has listed everything: `port_is_taken` and `bridge_is_taken` know the rest.
    template <class PortIsTaken, class BridgeIsTaken>
    void saw_all(std::int64_t revision, PortIsTaken port_is_taken, BridgeIsTaken bridge_is_taken) {
        claims_.saw_all(revision, port_is_taken);
        if (!bridge_is_taken(settings_.bridge)) saw_bridge_free(settings_.bridge, revision);
        wake_.notify();
    }

private:
    Awaitable<Result<Clock::time_point>> step();
    void doubt_from_time_to_time(Clock::time_point now);
    Awaitable<Result<void>> claim_bridge();
    Awaitable<Result<void>> carry_out(std::vector<Step> steps);
    Awaitable<Result<void>> carry_out(const Step& step);
    Error denied(const Step& step, Error error) const;
    bool is_former_self(const mvccpb::KeyValue& key, const roster::Bridge& found) const;
    bool is_same_place(const roster::Bridge& found) const;
    Awaitable<Result<void>> take_over_bridge(mvccpb::KeyValue found);
    void report_other(const roster::Bridge& other);
    Awaitable<> end_former_lease();
    void take_result(const Step& step, const etcdserverpb::TxnResponse& result);
    etcdserverpb::TxnRequest request_for(const Step& step) const;
    std::string bridge_key() const;
    std::string port_key(std::string_view name) const;
    std::string bridge_value() const;
    void own_bridge(std::int64_t revision);
    void lose_bridge();

    Link& link_;
    Health& health_;
    const Settings& settings_;
    Lease& lease_;
    Signal wake_;
    Backoff backoff_;
    Claims claims_;
    std::int64_t lease_id_ = 0;         ///< under which everything was claimed
    std::int64_t bridge_revision_ = 0;  ///< create_revision of the bridge's key; 0: it is not ours
    std::int64_t other_revision_ = 0;   ///< create_revision of the key of another bridge with our id; 0: there is none
    std::int64_t last_lease_ = 0;       ///< the one that this process had before
    std::int64_t former_lease_ = 0;     ///< of an earlier process, to be ended when all its names are ours; 0: none
    bool was_registered_ = false;       ///< this process, at any time
    const roster::Time started_ = std::chrono::system_clock::now();
    Clock::time_point next_update_{};
    Clock::time_point next_doubt_{};
    bool stopping_ = false;
};

}  // namespace vserd::fleet
