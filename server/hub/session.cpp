#include "hub/session.hpp"

#include "base/text.hpp"
#include "hub/hub.hpp"

namespace vserd::hub {

void Session::for_each_port(const std::function<void(const Channel&)>& visit) const {
    for (const auto& [name, channel] : hub_.channels()) visit(*channel);
}

const Channel* Session::find(std::string_view port) const noexcept { return hub_.find(port); }

const Channel* Session::port_after(std::string_view name) const noexcept {
    const auto next = hub_.channels().upper_bound(name);
    return next == hub_.channels().end() ? nullptr : next->second.get();
}

Result<PortHandle> Session::open(std::string_view port) {
    const auto channel = hub_.require(port);
    if (!channel) return channel.error();
    return PortHandle(**channel, client_name());
}

Result<StreamSlot> Session::open_stream() { return hub_.open_stream(); }

void Session::add_watcher(PortWatcher& watcher) { hub_.add_watcher(watcher); }
void Session::remove_watcher(PortWatcher& watcher) noexcept { hub_.remove_watcher(watcher); }

io::Loop& Session::loop() const noexcept { return hub_.loop(); }
bool Session::shutting_down() const noexcept { return hub_.shutting_down(); }
DeliveryHistogram& Session::delivery() noexcept { return hub_.delivery(); }

/// The name that other clients see.
std::string Session::client_name() const {
    return identity_.client.empty() ? base::printable_text(identity_.peer) : identity_.client;
}

}  // namespace vserd::hub
