#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub.hpp"
#include "restart/fd_store.hpp"
#include "restart/keeper.hpp"

namespace vserd {

/// The descriptors from systemd.
struct Inherited {
    std::vector<int> sockets;               ///< it listens on them for us (vserd.socket)
    std::vector<restart::StoredFd> stored;  ///< by the previous process
};

/// Empty without systemd. Call it once; children do not inherit the descriptors.
Inherited inherited_descriptors();

/// systemd's file descriptor store (FileDescriptorStoreMax=); nothing without a supervisor.
std::optional<restart::FdStore> fd_store();

/// Reports the daemon's state to systemd (Type=notify or notify-reload): READY, RELOADING, STOPPING, a STATUS line with the
/// number of ports and readers, and WATCHDOG from the io thread's loop, so that systemd restarts a daemon whose loop hangs. Does
/// nothing if NOTIFY_SOCKET is not set. Io thread; the hub and its loop outlive it.
class Supervision {
public:
    explicit Supervision(hub::Hub& hub);
    Supervision(const Supervision&) = delete;
    Supervision& operator=(const Supervision&) = delete;

    /// Call at the start, and after a successful reload.
    void ready();
    void reloading();
    /// The previous configuration stays in force. STATUS shows the error until a reload succeeds.
    void reload_failed(const std::string& why);
    void stopping();

private:
    std::string status() const;
    void tick();

    hub::Hub& hub_;
    bool stopping_ = false;
    std::string reload_error_;
    std::string status_sent_;
    std::chrono::microseconds watchdog_{0};  ///< 0: no watchdog
    std::optional<boost::asio::steady_timer> timer_;
};

}  // namespace vserd
