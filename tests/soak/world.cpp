#include "soak/world.hpp"

#include <algorithm>

namespace vserd::soak {

void World::add(std::shared_ptr<Port> port) {
    const std::lock_guard lock(mutex_);
    all_[port->device] = port;
    present_.push_back(std::move(port));
}

void World::remove(const Port& port) {
    const std::lock_guard lock(mutex_);
    std::erase_if(present_, [&](const auto& other) { return other.get() == &port; });
}

std::shared_ptr<Port> World::pick(std::mt19937_64& random, bool guests) const {
    const std::lock_guard lock(mutex_);
    for (;;) {
        const auto& port = present_[random() % present_.size()];
        if (guests || port->kind != PortKind::guest) return port;
    }
}

std::shared_ptr<Port> World::by_device(const std::string& device) const {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(device);
    return found == all_.end() ? nullptr : found->second;
}

void World::open_door() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    door_.notify_all();
}

void World::close_door() {
    std::unique_lock lock(mutex_);
    open_ = false;
    door_.wait(lock, [this] { return inside_ == 0; });
}

void World::close_for_good() {
    close_door();
    const std::lock_guard lock(mutex_);
    over_ = true;
    door_.notify_all();
}

bool World::enter() {
    std::unique_lock lock(mutex_);
    door_.wait(lock, [this] { return open_ || over_; });
    if (over_) return false;
    ++inside_;
    return true;
}

void World::leave() {
    const std::lock_guard lock(mutex_);
    --inside_;
    door_.notify_all();
}

}  // namespace vserd::soak
