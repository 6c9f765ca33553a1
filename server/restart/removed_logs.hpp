#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/log_store.hpp"

namespace vserd::restart {

/// Keeps the logs of removed ports for some time, because a later reload may add the ports again. Io thread only.
class RemovedLogs {
public:
    using Time = std::chrono::steady_clock::time_point;
    /// Each uses the memory of a port's history.
    static constexpr std::size_t logs_max = 1024;

    /// Returns the ports whose logs were discarded to make room.
    std::vector<std::string> add(const log::LogIdentity& identity, log::LogStoreRef store, Time until);
    /// Whether it has a log with exactly that identity.
    bool has(const log::LogIdentity& identity) const;
    /// Returns null if there is none, or it cannot be resumed.
    log::LogStoreRef take(const log::LogIdentity& identity);
    /// Discards the log of a port, whatever its device. Returns whether there was one.
    bool drop(const std::string& port) { return logs_.erase(port) > 0; }
    /// Discards the logs whose time has passed, and returns their ports.
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
