#include "roster/roster.hpp"

#include <utility>

namespace vserd::roster {
namespace {

template <typename Map>
auto found(const Map& map, std::string_view key) {
    const auto entry = map.find(key);
    return entry == map.end() ? typename Map::mapped_type() : entry->second;
}

}  // namespace

PortRef Roster::port(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    return found(ports_, name);
}

PortRef Roster::port_after(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto entry = ports_.upper_bound(name);
    return entry == ports_.end() ? nullptr : entry->second;
}

BridgeRef Roster::bridge(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    return found(bridges_, id);
}

std::vector<BridgeRef> Roster::bridges() const {
    const std::lock_guard lock(mutex_);
    std::vector<BridgeRef> list;
    list.reserve(bridges_.size());
    for (const auto& [id, bridge] : bridges_) list.push_back(bridge);
    return list;
}

std::size_t Roster::ports_of(std::string_view bridge) const {
    const std::lock_guard lock(mutex_);
    return found(ports_of_, bridge);
}

std::size_t Roster::size() const {
    const std::lock_guard lock(mutex_);
    return ports_.size();
}

std::size_t Roster::bridge_count() const {
    const std::lock_guard lock(mutex_);
    return bridges_.size();
}

Status Roster::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Roster::put(Port port) {
    const std::lock_guard lock(mutex_);
    PortRef& entry = ports_[port.name];
    if (entry && *entry == port) return;
    if (entry) count(*entry, -1);
    entry = std::make_shared<const Port>(std::move(port));
    count(*entry, 1);
    tell({Kind::port, entry->name});
}

void Roster::put(Bridge bridge) {
    const std::lock_guard lock(mutex_);
    BridgeRef& entry = bridges_[bridge.id];
    if (entry && *entry == bridge) return;
    entry = std::make_shared<const Bridge>(std::move(bridge));
    tell({Kind::bridge, entry->id});
}

void Roster::remove_port(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto entry = ports_.find(name);
    if (entry == ports_.end()) return;
    count(*entry->second, -1);
    tell({Kind::port, entry->first});
    ports_.erase(entry);
}

void Roster::remove_bridge(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto entry = bridges_.find(id);
    if (entry == bridges_.end()) return;
    tell({Kind::bridge, entry->first});
    bridges_.erase(entry);
}

void Roster::set_status(Status status) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    tell({Kind::status, {}});
}

void Roster::set_revision(std::int64_t revision) {
    const std::lock_guard lock(mutex_);
    status_.revision = revision;
}

void Roster::tell(const Change& change) {
    for (Watch* const watch : watches_) {
        const bool first = watch->changed_.empty();
        watch->changed_.insert(change);
        if (first) watch->wake_();
    }
}

void Roster::count(const Port& port, int by) {
    std::size_t& ports = ports_of_[port.bridge];
    ports = by > 0 ? ports + 1 : ports - 1;
    if (ports == 0) ports_of_.erase(port.bridge);
}

Roster::Watch::Watch(Roster& roster, std::function<void()> wake) : roster_(roster), wake_(std::move(wake)) {
    const std::lock_guard lock(roster_.mutex_);
    roster_.watches_.insert(this);
}

Roster::Watch::~Watch() {
    const std::lock_guard lock(roster_.mutex_);
    roster_.watches_.erase(this);
}

std::optional<Change> Roster::Watch::take() {
    const std::lock_guard lock(roster_.mutex_);
    if (changed_.empty()) return std::nullopt;
    return std::move(changed_.extract(changed_.begin()).value());
}

}  // namespace vserd::roster
