#include "fleet/port_source.hpp"

#include <boost/asio/post.hpp>
#include <utility>
#include <variant>

#include "port/event.hpp"
#include "port/port.hpp"

namespace vserd::fleet {
namespace {

roster::Port describe(const hub::Channel& channel, bool online) {
    const port::PortConfig& config = channel.port().config();
    roster::Port port;
    port.name = config.name;
    port.description = config.description;
    port.labels = config.labels;
    port.online = online;
    port.log_id = channel.log().id();
    return port;
}

bool is_online(const hub::Channel& channel) { return channel.port().state() == port::PortState::online; }

}  // namespace

PortSource::PortSource(hub::Hub& hub, boost::asio::io_context& context, Registrar& registrar)
    : session_(hub, {}), context_(context), registrar_(registrar) {
    session_.for_each_port([this](const hub::Channel& channel) { on_port_added(channel); });
    session_.add_watcher(*this);
}

void PortSource::on_port_added(const hub::Channel& channel) {
    pass(channel.name(), describe(channel, is_online(channel)));
}

/// The event says what the state is about to be.
void PortSource::on_port_event(const hub::Channel& channel, const log::EventItem& event) {
    const bool online = std::holds_alternative<port::CameOnline>(event.event);
    if (online || std::holds_alternative<port::WentOffline>(event.event))
        pass(channel.name(), describe(channel, online));
}

void PortSource::on_port_removed(const hub::Channel& channel) { pass(channel.name(), std::nullopt); }
void PortSource::on_port_changed(const hub::Channel& channel) { on_port_added(channel); }
void PortSource::on_port_log_cut(const hub::Channel& channel) { on_port_added(channel); }

void PortSource::pass(const std::string& name, std::optional<roster::Port> port) {
    const std::lock_guard lock(mutex_);
    const bool first = waiting_.empty();
    waiting_[name] = std::move(port);
    if (first) boost::asio::post(context_, [this] { deliver(); });
}

void PortSource::deliver() {
    std::map<std::string, std::optional<roster::Port>> all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(waiting_);
    }
    for (auto& [name, port] : all) port ? registrar_.want(std::move(*port)) : registrar_.drop(name);
}

}  // namespace vserd::fleet
