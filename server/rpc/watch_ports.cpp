#include "rpc/watch_ports.hpp"

#include <array>
#include <functional>
#include <limits>
#include <utility>

#include "rpc/convert.hpp"
#include "rpc/wire.hpp"

namespace vserd::rpc {
namespace {

/// A name in a set takes several times the memory that it takes in a request.
constexpr std::size_t bytes_per_request_byte = 4;

v1::PortEvent state_of(const hub::Channel& channel) {
    v1::PortEvent event;
    to_proto(channel, *event.mutable_port());
    to_proto(std::chrono::system_clock::now(), *event.mutable_time());
    return event;
}

EncodedPortEvent encode(const hub::Channel& channel, const v1::PortEvent& event) {
    v1::WatchPortsResponse response;
    *response.mutable_event() = event;
    return {.port = channel.name(), .response = grpc::Slice(response.SerializeAsString())};
}

/// Whether the event is about the port's state, which everybody who may list the port sees. The others name people.
bool is_state(const port::Event& event) {
    return std::holds_alternative<port::SettingsChanged>(event) ||
           std::holds_alternative<port::SignalsChanged>(event) || std::holds_alternative<port::WentOffline>(event) ||
           std::holds_alternative<port::CameOnline>(event);
}

/// When this is appended to a response, the decoder merges it into the response's event.
grpc::Slice encode_lost(std::uint64_t lost) {
    v1::WatchPortsResponse response;
    response.mutable_event()->set_events_lost(lost);
    return grpc::Slice(response.SerializeAsString());
}

}  // namespace

void PortsWatch::refuse(const Error& error) {
    refused_ = true;
    const grpc::Status status = to_status(error);
    environment_.counters.count(Method::watch_ports, status.error_code());
    Finish(status);
}

void PortsWatch::start(Admitted admitted, const v1::WatchPortsRequest& request) {
    ticket_ = std::move(admitted.ticket);
    session_.emplace(environment_.hub, std::move(admitted.client));
    names_.insert(request.ports().begin(), request.ports().end());
    environment_.loop.post_call([this] { begin(); });
}

void PortsWatch::begin() {
    if (const auto refusal = watchers_.enter(*this)) return finish(environment_.status_of(*refusal));
    for (const std::string& name : names_) {
        const auto port = session_->open(name);
        if (!port) return finish(environment_.status_of(port.error(), {.port = name}));
    }
    rights_ = rights();
    pump();
}

PortsWatch::Rights PortsWatch::rights_on(const hub::Channel& channel) const {
    if (!names_.empty() && !names_.contains(channel.name())) return {};
    const auto role = static_cast<std::size_t>(session_->role(channel.name()));
    return role == 0 ? Rights{} : Rights{1, std::hash<std::string>{}(channel.name()) * (role + 1)};
}

PortsWatch::Rights PortsWatch::rights() const {
    Rights all;
    if (!session_->authority()->policy.is_enforced()) return {std::numeric_limits<std::size_t>::max(), 0};
    session_->for_each_port([&](const hub::Channel& channel) { all.add(rights_on(channel)); });
    return all;
}

void PortsWatch::port_added(const hub::Channel& channel) { rights_.add(rights_on(channel)); }
void PortsWatch::port_removed(const hub::Channel& channel) { rights_.remove(rights_on(channel)); }

/// A client that lost a port is told by the end of the call; one that may do more gets the states again.
void PortsWatch::rights_changed() {
    if (finished_) return;
    const Rights before = std::exchange(rights_, rights());
    if (rights_ == before) return;
    if (rights_.ports < before.ports) {
        return finish(environment_.status_of({Failure::denied, 0, "list",
                                              "you may no longer see some ports of this list: the rules changed, or "
                                              "your token expired or was removed; call again to see the others"}));
    }
    first_state_sent_.clear();
    first_states_done_ = false;
    pump();
}

void PortsWatch::finish(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    watchers_.leave(*this);
    events_.clear();
    environment_.counters.count(Method::watch_ports, status.error_code());
    Finish(status);
}

void PortsWatch::OnWriteDone(bool ok) {
    environment_.loop.post([this, ok] {
        writing_ = false;
        if (ok) pump();  // otherwise OnCancel() follows
    });
}

void PortsWatch::OnCancel() {
    if (refused_) return;
    // Posted as a call, so that it runs after begin().
    environment_.loop.post_call([this] { finish(grpc::Status::CANCELLED); });
}

void PortsWatch::OnDone() {
    if (refused_) {
        delete this;
        return;
    }
    // Functions that the other reactions posted run before this one, however they were posted.
    environment_.loop.post_call([this] { environment_.loop.post([this] { delete this; }); });
}

void PortsWatch::queue(const SharedPortEvent& event) {
    if (finished_ || !watches(*event)) return;
    if (events_.size() >= watch_events_max) {
        // Drop the oldest: the newest events describe the current state.
        events_.pop_front();
        ++events_lost_;
    }
    events_.push_back(event);
    pump();
}

/// The next port whose current state is still to be sent; null: none.
const hub::Channel* PortsWatch::next_first_state() {
    if (names_.empty()) {
        const hub::Channel* channel = session_->port_after(first_state_sent_);
        if (channel != nullptr) first_state_sent_ = channel->name();
        return channel;
    }
    for (auto name = names_.upper_bound(first_state_sent_); name != names_.end(); ++name) {
        first_state_sent_ = *name;
        if (const hub::Channel* channel = session_->find(*name)) return channel;
    }
    return nullptr;
}

v1::PortEvent PortsWatch::first_state_of(const hub::Channel& channel) const {
    v1::PortEvent state = state_of(channel);
    state.mutable_port()->set_role(to_proto(session_->role(channel.name())));
    return state;
}

void PortsWatch::pump() {
    if (writing_ || finished_) return;
    if (!first_states_done_) {
        if (const hub::Channel* channel = next_first_state())
            return send(encode(*channel, first_state_of(*channel)), 0);
        first_states_done_ = true;
    }
    while (!events_.empty() && !watches(*events_.front())) events_.pop_front();  // the rules have changed meanwhile
    if (events_.empty()) return;
    const SharedPortEvent event = std::move(events_.front());
    events_.pop_front();
    send(*event, std::exchange(events_lost_, 0));
}

void PortsWatch::send(const EncodedPortEvent& event, std::uint64_t lost) {
    const std::array<grpc::Slice, 2> slices{event.response, lost > 0 ? encode_lost(lost) : grpc::Slice()};
    in_flight_ = grpc::ByteBuffer(slices.data(), lost > 0 ? 2 : 1);
    writing_ = true;
    StartWrite(&in_flight_);
}

PortsWatch* Watchers::start(const grpc::ServerContextBase& context, const grpc::ByteBuffer& request) {
    auto* watch = new PortsWatch(environment_, *this);  // owns itself
    auto admitted = admit(environment_, context, net::stream_bytes, request.Length() * bytes_per_request_byte);
    v1::WatchPortsRequest parsed;
    if (!admitted) {
        watch->refuse(admitted.error());
    } else if (!parse(request, parsed)) {
        watch->refuse(invalid_field("", "the request is not a vser.v1.WatchPortsRequest"));
    } else {
        watch->start(std::move(*admitted), parsed);
    }
    return watch;
}

void Watchers::finish_all(const Error& error) {
    refusal_ = error;
    while (!watches_.empty()) watches_.front().finish(to_status(error));
}

std::optional<Error> Watchers::enter(PortsWatch& watch) {
    if (refusal_) return refusal_;
    if (watches_.empty()) environment_.session.add_watcher(*this);
    watches_.push_back(watch);
    return std::nullopt;
}

void Watchers::leave(PortsWatch& watch) noexcept {
    if (!watch.is_linked()) return;
    watch.unlink();
    if (watches_.empty()) environment_.session.remove_watcher(*this);
}

void Watchers::on_rights_changed() {
    for (auto watch = watches_.begin(); watch != watches_.end();) (watch++)->rights_changed();
}

std::optional<std::chrono::sys_seconds> Watchers::next_expiry(std::chrono::sys_seconds after) const {
    std::optional<std::chrono::sys_seconds> next;
    for (const PortsWatch& watch : watches_) access::take_earlier(next, watch.expires(), after);
    return next;
}

void Watchers::on_port_added(const hub::Channel& channel) {
    for (PortsWatch& watch : watches_) watch.port_added(channel);
    on_port_changed(channel);
}

/// Sends the current state.
void Watchers::on_port_changed(const hub::Channel& channel) { publish(channel, state_of(channel)); }

void Watchers::on_port_event(const hub::Channel& channel, const log::EventItem& event) {
    v1::PortEvent message = state_of(channel);
    to_proto(event, *message.mutable_event());
    publish(channel, message, is_state(event.event) ? access::Role::list : access::Role::read);
}

void Watchers::on_port_removed(const hub::Channel& channel) {
    v1::PortEvent message = state_of(channel);
    message.set_removed(true);
    publish(channel, message);
    for (PortsWatch& watch : watches_) watch.port_removed(channel);
}

void Watchers::publish(const hub::Channel& channel, const v1::PortEvent& event, access::Role needed) {
    EncodedPortEvent encoded = encode(channel, event);
    encoded.needed = needed;
    const auto shared = std::make_shared<const EncodedPortEvent>(std::move(encoded));
    for (PortsWatch& watch : watches_) watch.queue(shared);
}

}  // namespace vserd::rpc
