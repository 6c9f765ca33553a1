#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "hub/port_watcher.hpp"
#include "rpc/caller.hpp"
#include "rpc/environment.hpp"
#include "vser/v1/port_service.pb.h"

namespace vserd::rpc {

/// The maximum of events that wait for a slow WatchPorts client. Beyond it the oldest are dropped and counted.
inline constexpr std::size_t watch_events_max = 256;

/// A WatchPortsResponse, encoded once for all watchers of the port.
struct EncodedPortEvent {
    std::string port;
    grpc::Slice response;
    access::Role needed = access::Role::list;  ///< to see it
};
using SharedPortEvent = std::shared_ptr<const EncodedPortEvent>;

class Watchers;

/// One WatchPorts call. Owns itself until gRPC is done with it.
class PortsWatch final
    : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    PortsWatch(Environment& environment, Watchers& watchers) : environment_(environment), watchers_(watchers) {}

    /// Ends the call on the gRPC thread that makes it, without the io thread.
    void refuse(const Error& error);
    /// Starts the call on the io thread.
    void start(Admitted admitted, const ::vser::v1::WatchPortsRequest& request);

    // Io thread.
    void begin();
    void queue(const SharedPortEvent& event);
    void rights_changed();
    std::optional<std::chrono::sys_seconds> expires() const { return session_->client().identity.credential.expires; }
    void port_added(const hub::Channel& channel);
    void port_removed(const hub::Channel& channel);
    void finish(const grpc::Status& status);

private:
    /// What the client may do on the ports that it watches, to notice a change.
    struct Rights {
        std::size_t ports = 0;  ///< that it may list; the maximum: there are no rules
        std::size_t sum = 0;    ///< of hashes of each with its role

        void add(const Rights& more) noexcept {
            if (ports == std::numeric_limits<std::size_t>::max()) return;
            ports += more.ports;
            sum += more.sum;
        }
        void remove(const Rights& less) noexcept {
            if (ports == std::numeric_limits<std::size_t>::max()) return;
            ports -= less.ports;
            sum -= less.sum;
        }
        friend bool operator==(const Rights&, const Rights&) = default;
    };

    // gRPC threads.
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override;

    // Io thread.
    bool watches(const EncodedPortEvent& event) const {
        return (names_.empty() || names_.contains(event.port)) && session_->role(event.port) >= event.needed;
    }
    Rights rights_on(const hub::Channel& channel) const;
    Rights rights() const;
    const hub::Channel* next_first_state();
    ::vser::v1::PortEvent first_state_of(const hub::Channel& channel) const;
    void pump();
    void send(const EncodedPortEvent& event, std::uint64_t lost);

    Environment& environment_;
    Watchers& watchers_;
    std::optional<hub::Session> session_;
    net::Ticket ticket_;
    bool refused_ = false;
    std::set<std::string, std::less<>> names_;  ///< empty: all
    std::string first_state_sent_;              ///< the current states of the ports up to this name were sent
    Rights rights_;                             ///< when the states were sent
    bool first_states_done_ = false;            ///< current states are sent before all events
    std::deque<SharedPortEvent> events_;
    std::uint64_t events_lost_ = 0;  ///< since the last event that was sent
    grpc::ByteBuffer in_flight_;
    bool writing_ = false;
    bool finished_ = false;
};

/// The WatchPorts calls of a server. Listens to the hub for all of them, so that each event is encoded only once.
class Watchers final : private hub::PortWatcher {
public:
    explicit Watchers(Environment& environment) : environment_(environment) {}

    PortsWatch* start(const grpc::ServerContextBase& context, const grpc::ByteBuffer& request);  // any thread
    void finish_all(const Error& error);                                                         // io thread

private:
    friend class PortsWatch;
    /// Adds a watch, or returns why it was rejected.
    std::optional<Error> enter(PortsWatch& watch);
    void leave(PortsWatch& watch) noexcept;

    void on_port_added(const hub::Channel& channel) override;
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& channel) override;
    void on_rights_changed() override;
    std::optional<std::chrono::sys_seconds> next_expiry(std::chrono::sys_seconds after) const override;
    void on_port_changed(const hub::Channel& channel) override;
    void publish(const hub::Channel& channel, const ::vser::v1::PortEvent& event,
                 access::Role needed = access::Role::list);

    Environment& environment_;
    boost::intrusive::list<PortsWatch, boost::intrusive::constant_time_size<false>> watches_;  // io thread
    std::optional<Error> refusal_;
};

}  // namespace vserd::rpc
