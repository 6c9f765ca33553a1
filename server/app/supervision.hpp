#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub.hpp"
#include "restart/fd_store.hpp"

namespace vserd {

/// What systemd hands over: sockets that it listens on for us (vserd.socket), and the descriptors that a process before
/// this one gave it to keep. Empty where it does not. Once: children do not get them.
std::vector<restart::StoredFd> inherited_descriptors();

/// systemd's file descriptor store (FileDescriptorStoreMax=); nothing where no supervisor listens.
std::optional<restart::FdStore> fd_store();

/// Tells systemd (Type=notify or notify-reload) how the daemon is doing: READY, RELOADING, STOPPING, a STATUS line that
/// follows the ports and readers, and WATCHDOG from the io thread's own loop, so that a loop that hangs is restarted. Does
/// nothing where NOTIFY_SOCKET is not set. Io thread; the hub and its loop outlive it.
class Supervision {
public:
    explicit Supervision(hub::Hub& hub);
    Supervision(const Supervision&) = delete;
    Supervision& operator=(const Supervision&) = delete;

    /// At the start, and after a reload that worked.
    void ready();
    void reloading();
    /// The configuration from before stays in force; STATUS says why until a reload works.
    void reload_failed(const std::string& why);
    void stopping();

private:
    std::string status() const;
    void tick();

    hub::Hub& hub_;
    bool stopping_ = false;
    std::string complaint_;
    std::string status_sent_;
    std::chrono::microseconds watchdog_{0};  ///< 0: nobody watches
    std::optional<boost::asio::steady_timer> timer_;
};

}  // namespace vserd
