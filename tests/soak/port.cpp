#include "soak/port.hpp"

#include "support/pty.hpp"

namespace vserd::soak {

void Port::came_online() {
    const std::lock_guard lock(mutex_);
    online_ = true;
    changed_.notify_all();
}

void Port::went_offline(std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    online_ = false;
    offline_at_ = offset;
    changed_.notify_all();
}

bool Port::is_online() const {
    const std::lock_guard lock(mutex_);
    return online_;
}

bool Port::wait_until(bool online) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, test::patience, [&] { return online_ == online; });
}

bool Port::wait_until_online() const { return wait_until(true); }

std::optional<std::uint64_t> Port::wait_until_offline() const {
    if (!wait_until(false)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return offline_at_;
}

}  // namespace vserd::soak
