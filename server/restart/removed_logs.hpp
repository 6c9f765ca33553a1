#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/log_store.hpp"

namespace vserd::restart {

/// The logs of ports that a reload removed, for a while: the next reload may bring the ports back. Io thread only.
class RemovedLogs {
public:
    using Time = std::chrono::steady_clock::time_point;
    /// Each takes the memory of a port's history.
    static constexpr std::size_t logs_max = 1024;

    /// Returns the ports whose logs had to go to make room.
    std::vector<std::string> add(const log::LogIdentity& identity, log::LogStoreRef store, Time until);
    /// Whether the log of just that port is here.
    bool has(const log::LogIdentity& identity) const;
    /// Null where it is not, or cannot be taken up.
    log::LogStoreRef take(const log::LogIdentity& identity);
    /// Drops the log of a port whatever its device; whether there was one.
    bool drop(const std::string& port) { return logs_.erase(port) > 0; }
    /// Drops what is over; returns the ports.
    std::vector<std::string> expire(Time now);
    std::optional<Time> next_end() const;
    void clear() noexcept { logs_.clear(); }

private:
    struct Log {
        log::LogIdentity identity;
        log::LogStoreRef store;
        Time until;
    };

    std::map<std::string, Log> logs_;  // by port
};

}  // namespace vserd::restart
