#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "fleet/registrar.hpp"
#include "hub/port_watcher.hpp"
#include "hub/session.hpp"
#include "roster/roster.hpp"

namespace vserd::fleet {

/// Passes what others may know about the ports from the io thread to the registrar. Of each port only the last state waits, so the
/// memory is bounded by the number of ports, however slow the fleet thread is.
class PortSource final : public hub::PortWatcher {
public:
    /// Io thread. All outlive this. Destroy it only when the context does not run any more.
    PortSource(hub::Hub& hub, boost::asio::io_context& context, Registrar& registrar);
    /// Io thread: passes nothing from now on. The hub may end afterwards.
    void stop() { session_.remove_watcher(*this); }

    void on_port_added(const hub::Channel& channel) override;
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& channel) override;
    void on_port_changed(const hub::Channel& channel) override;
    void on_port_log_cut(const hub::Channel& channel) override;

private:
    void pass(const std::string& name, std::optional<roster::Port> port);
    void deliver();  // fleet thread

    hub::Session session_;
    boost::asio::io_context& context_;
    Registrar& registrar_;
    std::mutex mutex_;
    std::map<std::string, std::optional<roster::Port>> waiting_;  ///< empty: removed
};

}  // namespace vserd::fleet
