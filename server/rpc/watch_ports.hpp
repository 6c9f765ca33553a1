#pragma once

#include <grpcpp/support/server_callback.h>

#include <boost/intrusive/list.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rpc/environment.hpp"
#include "vser/v1/port_service.pb.h"

namespace vserd::rpc {

/// Events that wait for a WatchPorts client that is slower than they come; then the oldest are lost, and counted.
inline constexpr std::size_t watch_events_max = 256;

/// One WatchPorts call. Owns itself until gRPC is done with it.
class PortsWatch final
    : public grpc::ServerWriteReactor<::vser::v1::WatchPortsResponse>,
      private hub::PortWatcher,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    PortsWatch(Environment& environment, const ::vser::v1::WatchPortsRequest& request);

    // Io thread.
    void begin();
    void finish(const grpc::Status& status);

private:
    // gRPC threads.
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override;

    // Io thread.
    void on_port_added(hub::Channel& channel) override;
    void on_port_event(hub::Channel& channel, const hub::EventItem& event) override;
    void on_port_removed(hub::Channel& channel) override;
    void on_port_changed(hub::Channel& channel) override { on_port_added(channel); }  // how it is now
    bool watches(const hub::Channel& channel) const;
    ::vser::v1::PortEvent port_event(const hub::Channel& channel) const;
    void queue(::vser::v1::PortEvent event);
    void pump();

    Environment& environment_;
    const std::set<std::string, std::less<>> names_;  ///< empty: all
    std::deque<std::string> first_states_;  ///< ports whose current state is still to be sent; ahead of all events
    std::deque<::vser::v1::PortEvent> events_;
    ::vser::v1::WatchPortsResponse in_flight_;
    bool writing_ = false;
    bool finished_ = false;
};

/// The WatchPorts calls of a server.
class Watchers {
public:
    PortsWatch* start(Environment& environment, const ::vser::v1::WatchPortsRequest& request);  // any thread
    void finish_all(const Error& error);                                                        // io thread

private:
    boost::intrusive::list<PortsWatch, boost::intrusive::constant_time_size<false>> watches_;  // io thread
    std::optional<Error> refusal_;
};

}  // namespace vserd::rpc
