#include "io/epoll_engine.hpp"

namespace vserd::io {

Result<std::unique_ptr<Engine>> EpollEngine::create() {
    auto set = EpollSet::create();
    if (!set) return set.error();
    return std::unique_ptr<Engine>{new EpollEngine{std::move(*set)}};
}

void EpollEngine::arm(Key key, int /*fd*/, OperationKind kind) noexcept {
    if (kind == OperationKind::read) return;  // watched since add()
    if (const int errno_value = set_.wait_for_room(key); errno_value != 0) became_unwatchable(key, errno_value);
}

void EpollEngine::poll() noexcept {
    set_.collect([this](Key key, unsigned events) { became_ready(key, events); });
}

}  // namespace vserd::io
