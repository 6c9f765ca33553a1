#include "rpc/watch_ports.hpp"

#include <utility>

#include "rpc/convert.hpp"

namespace vserd::rpc {

PortsWatch::PortsWatch(Environment& environment, const v1::WatchPortsRequest& request)
    : environment_(environment), names_(request.ports().begin(), request.ports().end()) {}

void PortsWatch::begin() {
    for (const std::string& name : names_) {
        const auto channel = environment_.hub.require(name);
        if (!channel) return finish(environment_.status_of(channel.error(), {.port = name}));
    }
    for (const auto& [name, channel] : environment_.hub.channels()) {
        if (watches(*channel)) first_states_.push_back(name);
    }
    environment_.hub.add_watcher(*this);
    pump();
}

void PortsWatch::finish(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    environment_.hub.remove_watcher(*this);
    environment_.counters.count(Method::watch_ports, status.error_code());
    Finish(status);
}

void PortsWatch::OnWriteDone(bool ok) {
    environment_.loop.post([this, ok] {
        writing_ = false;
        if (ok) pump();  // else OnCancel follows
    });
}

void PortsWatch::OnCancel() {
    environment_.loop.post([this] { finish(grpc::Status::CANCELLED); });
}

void PortsWatch::OnDone() {
    // What the other reactions posted comes before this.
    environment_.loop.post([this] { delete this; });
}

void PortsWatch::on_port_added(hub::Channel& channel) {
    if (watches(channel)) queue(port_event(channel));
}

void PortsWatch::on_port_event(hub::Channel& channel, const hub::EventItem& event) {
    if (!watches(channel)) return;
    v1::PortEvent message = port_event(channel);
    to_proto(event, *message.mutable_event());
    queue(std::move(message));
}

void PortsWatch::on_port_removed(hub::Channel& channel) {
    if (!watches(channel)) return;
    v1::PortEvent message = port_event(channel);
    message.set_removed(true);
    queue(std::move(message));
}

bool PortsWatch::watches(const hub::Channel& channel) const {
    return names_.empty() || names_.find(channel.name()) != names_.end();
}

v1::PortEvent PortsWatch::port_event(const hub::Channel& channel) const {
    v1::PortEvent message;
    to_proto(channel, *message.mutable_port());
    to_proto(std::chrono::system_clock::now(), *message.mutable_time());
    return message;
}

void PortsWatch::queue(v1::PortEvent event) {
    if (events_.size() >= watch_events_max) {
        // The newest tell how things are; the oldest are the ones to do without.
        const std::uint64_t lost = events_.front().events_lost() + 1;
        events_.pop_front();
        events_.front().set_events_lost(events_.front().events_lost() + lost);
    }
    events_.push_back(std::move(event));
    pump();
}

void PortsWatch::pump() {
    if (writing_ || finished_) return;
    in_flight_.Clear();
    while (!first_states_.empty() && !in_flight_.has_event()) {
        const hub::Channel* channel = environment_.hub.find(first_states_.front());
        first_states_.pop_front();
        if (channel != nullptr) *in_flight_.mutable_event() = port_event(*channel);
    }
    if (!in_flight_.has_event()) {
        if (events_.empty()) return;
        *in_flight_.mutable_event() = std::move(events_.front());
        events_.pop_front();
    }
    writing_ = true;
    StartWrite(&in_flight_);
}

PortsWatch* Watchers::start(Environment& environment, const v1::WatchPortsRequest& request) {
    auto* watch = new PortsWatch(environment, request);  // owns itself
    environment.loop.post([this, watch, &environment] {
        if (refusal_) return watch->finish(environment.status_of(*refusal_));
        watches_.push_back(*watch);
        watch->begin();
    });
    return watch;
}

void Watchers::finish_all(const Error& error) {
    refusal_ = error;
    for (PortsWatch& watch : watches_) watch.finish(to_status(error));
}

}  // namespace vserd::rpc
