#pragma once

#include <grpcpp/support/server_callback.h>

#include <boost/intrusive/list.hpp>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "hub/port_watcher.hpp"
#include "roster/roster.hpp"
#include "rpc/caller.hpp"
#include "rpc/environment.hpp"
#include "vser/v1/fleet_service.pb.h"

namespace vserd::rpc {

class FleetWatches;

/// One WatchFleet call. Owns itself until gRPC is done with it. What it has to say is a set of names, so that a slow client
/// costs memory for the fleet's names and no more.
class FleetWatch final
    : public grpc::ServerWriteReactor<::vser::v1::WatchFleetResponse>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    FleetWatch(Environment& environment, FleetWatches& watches) : environment_(environment), watches_(watches) {}

    /// Ends the call on the gRPC thread that makes it, without the io thread.
    void refuse(const Error& error);
    /// Starts the call on the io thread. `roster`: null if there is no fleet.
    void start(Admitted admitted, roster::Roster* roster);

    // Io thread.
    void rights_changed();
    std::optional<std::chrono::sys_seconds> expires() const { return session_->client().identity.credential.expires; }
    void finish(const grpc::Status& status);

private:
    // gRPC threads.
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override;

    // Io thread.
    /// What next() has done: written a message, taken something that the client is not told, or found nothing to do.
    enum class Step : std::uint8_t { message, nothing, idle };

    void begin();
    void pump();
    Step next();
    Step tell_port(const std::string& name);
    Step tell_bridge(const std::string& id);
    Step tell_status();

    Environment& environment_;
    FleetWatches& watches_;
    roster::Roster* roster_ = nullptr;
    std::optional<hub::Session> session_;
    net::Ticket ticket_;
    std::optional<roster::Roster::Watch> watch_;
    std::deque<roster::BridgeRef> first_bridges_;  ///< to be sent before all else
    std::optional<std::string> port_sent_;         ///< a pass over all ports has come to this one; none: it is over
    std::set<std::string, std::less<>> hidden_;    ///< that the client knows and may not see any more
    std::set<std::string, std::less<>> shown_;     ///< the ports that the client knows
    ::vser::v1::WatchFleetResponse response_;
    bool refused_ = false;
    bool writing_ = false;
    bool finished_ = false;
};

/// The WatchFleet calls of a server.
class FleetWatches final : private hub::PortWatcher {
public:
    FleetWatches(Environment& environment, roster::Roster* roster) : environment_(environment), roster_(roster) {}

    FleetWatch* start(const grpc::ServerContextBase& context, const ::vser::v1::WatchFleetRequest& request);
    void finish_all(const Error& error);  // io thread

private:
    friend class FleetWatch;
    std::optional<Error> enter(FleetWatch& watch);
    void leave(FleetWatch& watch) noexcept;

    void on_port_added(const hub::Channel& /*channel*/) override {}
    void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& /*event*/) override {}
    void on_port_removed(const hub::Channel& /*channel*/) override {}
    void on_rights_changed() override;
    std::optional<std::chrono::sys_seconds> next_expiry(std::chrono::sys_seconds after) const override;

    Environment& environment_;
    roster::Roster* const roster_;
    boost::intrusive::list<FleetWatch, boost::intrusive::constant_time_size<false>> watches_;  // io thread
    std::optional<Error> refusal_;
};

}  // namespace vserd::rpc
