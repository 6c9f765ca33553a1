#include "fleet/registrar.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "fleet/entry_json.hpp"

namespace vserd::fleet {
namespace {

namespace pb = etcdserverpb;

/// Before it looks again at what has changed meanwhile.
constexpr std::size_t steps_max = 500;
/// States of ports change often; etcd stores each change.
constexpr std::chrono::seconds update_interval{1};
constexpr std::chrono::seconds idle_limit{3600};
constexpr std::chrono::seconds uncertain_limit{1};

void require_revision(pb::TxnRequest& request, const std::string& key, std::int64_t revision) {
    pb::Compare& compare = *request.add_compare();
    compare.set_result(pb::Compare::EQUAL);
    compare.set_target(pb::Compare::CREATE);
    compare.set_key(key);
    compare.set_create_revision(revision);
}

/// A later process of the same bridge keeps the key and gives it another lease.
void require_lease(pb::TxnRequest& request, const std::string& key, std::int64_t lease) {
    pb::Compare& compare = *request.add_compare();
    compare.set_result(pb::Compare::EQUAL);
    compare.set_target(pb::Compare::LEASE);
    compare.set_key(key);
    compare.set_lease(lease);
}

void put(pb::TxnRequest& request, const std::string& key, const std::string& value, std::int64_t lease) {
    pb::PutRequest& step = *request.add_success()->mutable_request_put();
    step.set_key(key);
    step.set_value(value);
    step.set_lease(lease);
}

void else_get(pb::TxnRequest& request, const std::string& key) {
    request.add_failure()->mutable_request_range()->set_key(key);
}

/// What the else_get() of that number has found; null: the key does not exist.
const mvccpb::KeyValue* found_in(const pb::TxnResponse& result, int number = 0) {
    if (result.responses_size() <= number) return nullptr;
    const auto& keys = result.responses(number).response_range().kvs();
    return keys.empty() ? nullptr : &keys[0];
}

Owner owner_of(std::string_view name, const mvccpb::KeyValue& key) {
    const auto port = port_of_json(name, key.value());
    return {port ? port->bridge : "unknown", key.create_revision()};
}

}  // namespace

Registrar::Registrar(boost::asio::io_context& context, Link& link, Health& health, const Settings& settings,
                     Lease& lease)
    : link_(link), health_(health), settings_(settings), lease_(lease), wake_(context) {}

std::string Registrar::bridge_key() const { return fmt::format("{}/bridge/{}", settings_.prefix, settings_.bridge); }
std::string Registrar::port_key(std::string_view name) const {
    return fmt::format("{}/port/{}", settings_.prefix, name);
}

std::string Registrar::bridge_value() const {
    return to_json(roster::Bridge{settings_.bridge, settings_.address, settings_.tls, settings_.version, started_,
                                  settings_.metrics_address, settings_.metrics_tls, settings_.web, settings_.machine});
}

void Registrar::stop() {
    stopping_ = true;
    wake_.notify();
}

void Registrar::lease_changed() {
    const std::int64_t before = std::exchange(lease_id_, lease_.id());
    if (before != lease_id_) {
        if (before != 0) last_lease_ = before;
        claims_.lose_all();
        lose_bridge();
    }
    wake_.notify();
}

void Registrar::want(roster::Port port) {
    port.bridge = settings_.bridge;
    port.address = settings_.address;
    port.tls = settings_.tls;
    claims_.want(port.name, to_json(port));
    wake_.notify();
}

void Registrar::drop(const std::string& name) {
    claims_.drop(name);
    wake_.notify();
}

void Registrar::history_lost() {
    claims_.doubt_owners();
    other_revision_ = 0;
    lease_.renew();
    wake_.notify();
}

void Registrar::saw_port(std::string_view name, const Owner& owner) {
    if (claims_.saw_owner(name, owner)) wake_.notify();
}

void Registrar::saw_port_free(std::string_view name, std::int64_t revision) {
    if (claims_.saw_free(name, revision)) wake_.notify();
}

void Registrar::saw_bridge_free(std::string_view id, std::int64_t revision) {
    if (id != settings_.bridge) return;
    if (other_revision_ <= revision) other_revision_ = 0;
    if (bridge_revision_ <= revision) lose_bridge();
    wake_.notify();
}

void Registrar::own_bridge(std::int64_t revision) {
    bridge_revision_ = revision;
    other_revision_ = 0;
    was_registered_ = true;
    health_.set_id_taken(false);
    health_.set_names(claims_);  // nobody shall see a registered bridge whose names are not counted yet
    health_.set_registered(true);
}

void Registrar::lose_bridge() {
    bridge_revision_ = 0;
    health_.set_registered(false);
}

Awaitable<> Registrar::run() {
    while (!stopping_) {
        const auto next = co_await step();
        health_.set_names(claims_);
        if (stopping_) break;
        if (next) {
            backoff_.reset();
            co_await wake_.wait_until(*next);
            continue;
        }
        if (next.error().failure == Failure::not_found) {
            lease_.lost(lease_id_);
        } else if (link_.is_final(next.error())) {
            health_.failed(Task::names, next.error());
        }
        co_await wake_.wait_for(backoff_.next());
    }
}

/// Returns when to look again, unless something happens before.
Awaitable<Result<Clock::time_point>> Registrar::step() {
    const auto now = Clock::now();
    doubt_from_time_to_time(now);
    if (lease_.id() == 0) co_return now + idle_limit;
    if (!lease_.is_certain()) {
        lease_.renew();
        co_return now + uncertain_limit;
    }
    if (bridge_revision_ == 0 && other_revision_ == 0) {
        const auto claimed = co_await claim_bridge();
        if (!claimed) co_return claimed.error();
    }
    if (bridge_revision_ == 0) co_return next_doubt_;
    auto steps = claims_.next(steps_max, now >= next_update_);
    if (!steps.empty()) {
        const bool updates = steps.back().kind == Step::Kind::update;
        const auto done = co_await carry_out(std::move(steps));
        if (!done) co_return done.error();
        if (updates) next_update_ = Clock::now() + update_interval;
    }
    health_.works(Task::names);
    if (claims_.has_work(false)) co_return now;
    if (former_lease_ != 0 && !claims_.has_work(true)) co_await end_former_lease();
    co_return std::min(claims_.has_work(true) ? next_update_ : now + idle_limit, next_doubt_);
}

/// The mirror may have seen an owner's end before this has learned of the owner.
void Registrar::doubt_from_time_to_time(Clock::time_point now) {
    if (now < next_doubt_) return;
    next_doubt_ = now + settings_.ttl;
    claims_.doubt_owners();
    other_revision_ = 0;
}

Awaitable<Result<void>> Registrar::claim_bridge() {
    const std::int64_t lease = lease_id_;
    pb::TxnRequest request;
    require_revision(request, bridge_key(), 0);
    put(request, bridge_key(), bridge_value(), lease);
    else_get(request, bridge_key());
    const auto result = co_await link_.transact(request);
    if (!result) co_return result.error();
    if (lease != lease_id_) co_return Result<void>{};
    const mvccpb::KeyValue* const found = found_in(*result);
    if (result->succeeded()) {
        own_bridge(result->header().revision());
    } else if (found != nullptr && found->lease() == lease) {
        own_bridge(found->create_revision());  // an earlier claim, whose response was lost
    } else if (found != nullptr) {
        co_return co_await take_over_bridge(mvccpb::KeyValue(*found));
    }
    co_return Result<void>{};
}

/// Whether the key is one of this bridge's before this process, or before this process lost its lease. This process listens on
/// the address, so a bridge of this machine that claims to listen there is one that has ended. But whoever takes the key from a
/// process that was registered already is alive.
bool Registrar::is_former_self(const mvccpb::KeyValue& key, const roster::Bridge& found) const {
    if (key.lease() == 0) return false;
    if (key.lease() == last_lease_) return true;
    return !was_registered_ && is_same_place(found);
}

bool Registrar::is_same_place(const roster::Bridge& found) const {
    return !settings_.machine.empty() && found.machine == settings_.machine && found.address == settings_.address;
}

/// Keeps the key, so that no other bridge sees the names free meanwhile; the former process can change nothing any more, because
/// the key's lease is another one.
Awaitable<Result<void>> Registrar::take_over_bridge(mvccpb::KeyValue found) {
    const auto parsed = bridge_of_json(settings_.bridge, found.value());
    const roster::Bridge bridge = parsed ? *parsed : roster::Bridge{};
    if (!is_former_self(found, bridge)) {
        report_other(bridge);
        other_revision_ = found.create_revision();
        co_return Result<void>{};
    }
    const std::int64_t lease = lease_id_;
    pb::TxnRequest request;
    require_revision(request, bridge_key(), found.create_revision());
    require_lease(request, bridge_key(), found.lease());
    put(request, bridge_key(), bridge_value(), lease);
    const auto result = co_await link_.transact(request);
    if (!result) co_return result.error();
    wake_.notify();
    if (lease != lease_id_ || !result->succeeded()) co_return Result<void>{};
    former_lease_ = found.lease();
    own_bridge(found.create_revision());
    settings_.inform("fleet: took over the registration that an earlier vserd at this address left behind");
    co_return Result<void>{};
}

void Registrar::report_other(const roster::Bridge& other) {
    health_.set_id_taken(true);
    const std::string at = other.address.empty() ? "an unknown address" : other.address;
    const std::string why =
        is_same_place(other)
            ? fmt::format(
                  "another vserd with the id {}, the same address {} and the same machine id has taken over the "
                  "registration of this one; set another 'bridge' in [fleet] for each, or give each container "
                  "its own /etc/machine-id and 'advertise'",
                  settings_.bridge, at)
            : fmt::format("the id {} is in use by the bridge at {}; set another 'bridge' in [fleet]", settings_.bridge,
                          at);
    health_.failed(Task::names, {Failure::refused, 0, "bridge",
                                 why + ". Nothing of this bridge is registered until the other one is gone"});
}

/// What is left under it are names that are not configured any more. If it fails, they end with the lease.
Awaitable<> Registrar::end_former_lease() {
    static_cast<void>(co_await link_.revoke(std::exchange(former_lease_, 0), std::chrono::seconds(5)));
}

/// Only while the bridge's key is ours: without it, another bridge may have our id.
pb::TxnRequest Registrar::request_for(const Step& step) const {
    const std::string key = port_key(step.name);
    pb::TxnRequest request;
    require_revision(request, bridge_key(), bridge_revision_);
    require_lease(request, bridge_key(), lease_id_);
    require_revision(request, key, step.revision);
    if (step.kind == Step::Kind::release) {
        request.add_success()->mutable_request_delete_range()->set_key(key);
    } else {
        put(request, key, step.value, lease_id_);
    }
    else_get(request, bridge_key());
    else_get(request, key);
    return request;
}

/// A name that etcd's rights exclude does not hold up the others.
Awaitable<Result<void>> Registrar::carry_out(std::vector<Step> steps) {
    Result<void> outcome;
    for (const Step& step : steps) {
        if (bridge_revision_ == 0 || !lease_.is_certain()) break;
        const auto done = co_await carry_out(step);
        if (done) continue;
        if (done.error().failure != Failure::denied) co_return done.error();
        outcome = denied(step, done.error());
    }
    co_return outcome;
}

Error Registrar::denied(const Step& step, Error error) const {
    error.message = fmt::format("{}: {}", port_key(step.name), error.message);
    return error;
}

Awaitable<Result<void>> Registrar::carry_out(const Step& step) {
    const std::int64_t lease = lease_id_;
    const auto result = co_await link_.transact(request_for(step));
    if (!result) co_return result.error();
    if (lease == lease_id_) take_result(step, *result);
    co_return Result<void>{};
}

void Registrar::take_result(const Step& step, const pb::TxnResponse& result) {
    if (result.succeeded()) return claims_.succeeded(step, result.header().revision());
    const mvccpb::KeyValue* const bridge = found_in(result, 0);
    if (bridge == nullptr || bridge->create_revision() != bridge_revision_ || bridge->lease() != lease_id_)
        return lose_bridge();
    const mvccpb::KeyValue* const found = found_in(result, 1);
    if (found == nullptr) return claims_.vanished(step.name);
    const Owner owner = owner_of(step.name, *found);
    // Ours, or one of an earlier process of this bridge, which wrote it while the bridge's key was its own.
    if (found->lease() == lease_id_ || owner.bridge == settings_.bridge)
        return claims_.recovered(step.name, owner.revision);
    claims_.taken(step.name, owner);
}

}  // namespace vserd::fleet
