#include "rpc/watch_fleet.hpp"

#include <utility>

#include "rpc/fleet_convert.hpp"

namespace vserd::rpc {

namespace v1 = ::vser::v1;

namespace {

/// A name in the set of names that the client knows, and one in the set of names that have changed.
constexpr std::size_t bytes_per_name = 160;
/// Names that one turn of the io thread passes over because the client may not see them.
constexpr int hidden_per_turn = 256;

}  // namespace

void FleetWatch::refuse(const Error& error) {
    refused_ = true;
    const grpc::Status status = to_status(error);
    environment_.counters.count(Method::watch_fleet, status.error_code());
    Finish(status);
}

void FleetWatch::start(Admitted admitted, roster::Roster* roster) {
    roster_ = roster;
    ticket_ = std::move(admitted.ticket);
    session_.emplace(environment_.hub, std::move(admitted.client));
    environment_.loop.post_call([this] { begin(); });
}

void FleetWatch::begin() {
    if (const auto refusal = watches_.enter(*this)) return finish(environment_.status_of(*refusal));
    if (const auto known = check_fleet(*session_, roster_); !known)
        return finish(environment_.status_of(known.error()));
    // First the watch, then what there is, so that no change is missed in between.
    watch_.emplace(*roster_, [this] { environment_.loop.post([this] { pump(); }); });
    for (roster::BridgeRef& bridge : roster_->bridges()) first_bridges_.push_back(std::move(bridge));
    port_sent_.emplace();
    pump();
}

/// The client is told of all ports again that it may see, and of the end of those that it may not see any more.
void FleetWatch::rights_changed() {
    if (finished_ || !watch_) return;
    if (const auto known = session_->check_known(); !known) return finish(environment_.status_of(known.error()));
    for (const std::string& name : shown_) {
        if (!shows(*session_, name)) hidden_.insert(name);
    }
    port_sent_.emplace();
    pump();
}

void FleetWatch::finish(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    watch_.reset();
    watches_.leave(*this);
    environment_.counters.count(Method::watch_fleet, status.error_code());
    Finish(status);
}

void FleetWatch::OnWriteDone(bool ok) {
    environment_.loop.post([this, ok] {
        writing_ = false;
        if (ok) pump();  // otherwise OnCancel() follows
    });
}

void FleetWatch::OnCancel() {
    if (refused_) return;
    // Posted as a call, so that it runs after begin().
    environment_.loop.post_call([this] { finish(grpc::Status::CANCELLED); });
}

void FleetWatch::OnDone() {
    if (refused_) {
        delete this;
        return;
    }
    // Functions that the other reactions posted run before this one, however they were posted.
    environment_.loop.post_call([this] { environment_.loop.post([this] { delete this; }); });
}

/// Sends the next message, if there is one.
void FleetWatch::pump() {
    if (writing_ || finished_) return;
    response_.Clear();
    for (int turn = 0; turn < hidden_per_turn; ++turn) {
        const Step step = next();
        if (step == Step::idle || finished_) return;
        if (step == Step::nothing) continue;
        writing_ = true;
        return StartWrite(&response_);
    }
    environment_.loop.post_call([this] { pump(); });
}

FleetWatch::Step FleetWatch::next() {
    if (!first_bridges_.empty()) {
        const std::string id = first_bridges_.front()->id;
        first_bridges_.pop_front();
        return tell_bridge(id);
    }
    if (!hidden_.empty()) return tell_port(hidden_.extract(hidden_.begin()).value());
    if (port_sent_) {
        const roster::PortRef port = roster_->port_after(*port_sent_);
        if (!port) {
            port_sent_.reset();
            return tell_status();
        }
        port_sent_ = port->name;
        return tell_port(port->name);
    }
    const auto change = watch_->take();
    if (!change) return Step::idle;
    switch (change->kind) {
        case roster::Kind::bridge: return tell_bridge(change->name);
        case roster::Kind::port: return tell_port(change->name);
        case roster::Kind::status: break;
    }
    return tell_status();
}

FleetWatch::Step FleetWatch::tell_bridge(const std::string& id) {
    if (const roster::BridgeRef bridge = roster_->bridge(id)) {
        to_proto(*bridge, roster_->ports_of(id), *response_.mutable_bridge());
    } else {
        response_.set_bridge_removed(id);
    }
    return Step::message;
}

FleetWatch::Step FleetWatch::tell_port(const std::string& name) {
    const roster::PortRef port = roster_->port(name);
    if (port && shows(*session_, name)) {
        if (shown_.insert(name).second && !ticket_.grow(bytes_per_name + 2 * name.size())) {
            finish(environment_.status_of(environment_.admission.memory_refusal()));
            return Step::idle;
        }
        to_proto(*port, *response_.mutable_port());
        return Step::message;
    }
    if (shown_.erase(name) == 0) return Step::nothing;
    ticket_.shrink(bytes_per_name + 2 * name.size());
    response_.set_port_removed(name);
    return Step::message;
}

FleetWatch::Step FleetWatch::tell_status() {
    to_proto(roster_->status(), *session_, *response_.mutable_status());
    return Step::message;
}

FleetWatch* FleetWatches::start(const grpc::ServerContextBase& context, const v1::WatchFleetRequest& request) {
    auto* watch = new FleetWatch(environment_, *this);  // owns itself
    auto admitted = admit(environment_, context, net::stream_bytes, request.ByteSizeLong());
    if (admitted) {
        watch->start(std::move(*admitted), roster_);
    } else {
        watch->refuse(admitted.error());
    }
    return watch;
}

void FleetWatches::finish_all(const Error& error) {
    refusal_ = error;
    while (!watches_.empty()) watches_.front().finish(to_status(error));
}

std::optional<Error> FleetWatches::enter(FleetWatch& watch) {
    if (refusal_) return refusal_;
    if (watches_.empty()) environment_.session.add_watcher(*this);
    watches_.push_back(watch);
    return std::nullopt;
}

void FleetWatches::leave(FleetWatch& watch) noexcept {
    if (!watch.is_linked()) return;
    watch.unlink();
    if (watches_.empty()) environment_.session.remove_watcher(*this);
}

void FleetWatches::on_rights_changed() {
    for (auto watch = watches_.begin(); watch != watches_.end();) (watch++)->rights_changed();
}

std::optional<std::chrono::sys_seconds> FleetWatches::next_expiry(std::chrono::sys_seconds after) const {
    std::optional<std::chrono::sys_seconds> next;
    for (const FleetWatch& watch : watches_) access::take_earlier(next, watch.expires(), after);
    return next;
}

}  // namespace vserd::rpc
