#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "log/byte_log.hpp"

namespace vserd::hub {

class Channel;

/// Receives the changes of every port (WatchPorts, health, journal). Called on the io thread; may add or remove watchers
/// inside a call. To use a port, a face opens it through its Session.
class PortWatcher {
public:
    virtual ~PortWatcher() = default;
    virtual void on_port_added(const Channel& channel) = 0;
    virtual void on_port_event(const Channel& channel, const log::EventItem& event) = 0;
    virtual void on_port_removed(const Channel& channel) = 0;  ///< the channel is valid during the call
    /// A reload changed the port in place. Changes that are events of the log are reported separately, when they take effect.
    virtual void on_port_changed(const Channel& /*channel*/) {}
    /// The content of the port's log is lost: its file was truncated.
    virtual void on_port_log_cut(const Channel& /*channel*/) {}
    /// The rules changed: clients may see other ports than before.
    virtual void on_rights_changed() {}
    /// When the next credential of a client that watches expires, later than `after`.
    virtual std::optional<std::chrono::sys_seconds> next_expiry(std::chrono::sys_seconds /*after*/) const {
        return std::nullopt;
    }
    /// The port's archive cannot be written any more, or can again. What it misses is a gap in it.
    virtual void on_archive_state(const std::string& /*port*/, const Result<void>& /*state*/) {}
    /// The line rejected the settings of a reload.
    virtual void on_port_refused(const Channel& /*channel*/, const Error& /*error*/) {}
};

}  // namespace vserd::hub
