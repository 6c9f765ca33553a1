#include "restart/removed_logs.hpp"

#include <algorithm>
#include <utility>

namespace vserd::restart {

std::vector<std::string> RemovedLogs::add(const log::LogIdentity& identity, log::LogStoreRef store, Time until) {
    std::vector<std::string> dropped;
    if (logs_.size() >= logs_max && !logs_.contains(identity.port)) {
        const auto oldest = std::ranges::min_element(logs_, {}, [](const auto& entry) { return entry.second.until; });
        dropped.push_back(oldest->first);
        logs_.erase(oldest);
    }
    logs_.insert_or_assign(identity.port, Log{identity, std::move(store), until});
    return dropped;
}

bool RemovedLogs::has(const log::LogIdentity& identity) const {
    const auto log = logs_.find(identity.port);
    return log != logs_.end() && log->second.identity == identity;
}

log::LogStoreRef RemovedLogs::take(const log::LogIdentity& identity) {
    if (!has(identity)) return nullptr;
    log::LogStoreRef store = std::move(logs_.extract(identity.port).mapped().store);
    return store->reopen() ? store : nullptr;
}

std::vector<std::string> RemovedLogs::expire(Time now) {
    std::vector<std::string> dropped;
    std::erase_if(logs_, [&](const auto& entry) {
        if (entry.second.until > now) return false;
        dropped.push_back(entry.first);
        return true;
    });
    return dropped;
}

std::optional<RemovedLogs::Time> RemovedLogs::next_end() const {
    if (logs_.empty()) return std::nullopt;
    return std::ranges::min_element(logs_, {}, [](const auto& entry) { return entry.second.until; })->second.until;
}

}  // namespace vserd::restart
