#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "access/audit.hpp"
#include "hub/channel.hpp"
#include "restart/saved_lease.hpp"

namespace vserd::hub {
namespace {

using std::chrono::milliseconds;
using Clock = LeaseQueue::Clock;

/// How long the bytes of a holder that released the port may take before the next one gets it.
constexpr std::chrono::seconds handover_limit{2};

port::LeaseChange change_of(LeaseEnd how) {
    switch (how) {
        case LeaseEnd::expired: return port::LeaseChange::expired;
        case LeaseEnd::taken_over: return port::LeaseChange::taken_over;
        default: return port::LeaseChange::released;
    }
}

port::WriterChanged granted_event(const Lease& lease, const std::string& taken_from) {
    const auto change = taken_from.empty() ? port::LeaseChange::acquired : port::LeaseChange::taken_over;
    return {lease.holder.client, lease.holder.via, taken_from, lease.reason, lease.id, change, lease.since};
}

port::WriterChanged ended_event(const Lease& lease, LeaseEnd how) {
    return {.previous = lease.holder.client, .lease = lease.id, .change = change_of(how)};
}

}  // namespace

std::string lease_identity(const access::Identity& identity) {
    std::string name = access::to_string(identity);
    if (name.size() <= lease_identity_bytes_max) return name;
    const std::uint64_t hash = log::hash_of(name.data(), name.size(), 0);
    return fmt::format("{}#{:016x}", name.substr(0, lease_identity_bytes_max - 17), hash);
}

void Writer::acquire(LeaseRequest& request) {
    if (channel_ == nullptr) {
        const auto done = std::move(request.done);  // which may destroy the request
        return done(Error{Failure::unavailable, 0, "", "the port was removed"});
    }
    const std::string& client = request.party.client;
    request.who = client_;
    request.party = {client.empty() ? name_ : client, identity_, std::string(client_->via)};
    channel_->leases_.acquire(request, Clock::now());
}

void Writer::acquire_exclusive(bool takeover, std::string reason, port::Reply<void> reply) {
    exclusive_request_.emplace();
    exclusive_request_->reason = std::move(reason);
    exclusive_request_->ttl = std::nullopt;
    exclusive_request_->stream = this;
    exclusive_request_->takeover = takeover;
    exclusive_request_->done = [reply = std::move(reply)](const Result<Lease>& lease) {
        lease ? reply({}) : reply(lease.error());
    };
    acquire(*exclusive_request_);
}

void Writer::release_exclusive() {
    exclusive_request_.reset();
    if (channel_ != nullptr) channel_->leases_.release_stream(this, Clock::now());
}

Result<Lease> Writer::renew(std::uint64_t lease, std::optional<milliseconds> ttl) {
    if (channel_ == nullptr) return Error{Failure::unavailable, 0, "", "the port was removed"};
    auto renewed = channel_->leases_.renew({lease, this, identity_}, ttl, Clock::now());
    if (renewed) channel_->save_lease();
    return renewed;
}

Result<void> Writer::release(std::uint64_t lease) {
    if (channel_ == nullptr) return Error{Failure::unavailable, 0, "", "the port was removed"};
    return channel_->leases_.release({lease, this, identity_}, Clock::now());
}

LeaseQueue::Hooks Channel::lease_hooks() {
    return {
        .granted = [this](const Lease& lease, const std::string& taken_from) { lease_granted(lease, taken_from); },
        .ended = [this](const Lease& lease, LeaseEnd how) { lease_ended(lease, how); },
        .fenced =
            [this] {
                save_lease();
                refuse_pending_writes_of_others();
            },
        .clear_output = [this](bool discard, std::function<void()> done) { clear_output(discard, std::move(done)); },
        .deadline_changed = [this] { arm_lease_timer(); },
    };
}

Result<void> Channel::check_access(const Writer* writer) const {
    return leases_.check(writer == nullptr ? LeaseClaim{} : LeaseClaim{writer->lease_, writer, writer->identity_});
}

Result<void> Channel::use(const Writer& writer) {
    auto access = check_access(&writer);
    if (access) leases_.note_output();
    return access;
}

void Channel::lease_granted(const Lease& lease, const std::string& taken_from) {
    save_lease();
    refuse_pending_writes_of_others();
    audit_lease("lease", lease,
                taken_from.empty() ? lease.reason : "taken over from " + taken_from + ": " + lease.reason);
    record_event(granted_event(lease, taken_from));
}

void Channel::lease_ended(const Lease& lease, LeaseEnd how) {
    audit_lease("lease_end", lease,
                how == LeaseEnd::expired    ? "expired"
                : how == LeaseEnd::released ? "released"
                                            : "ended");
    record_event(ended_event(lease, how));
}

void Channel::audit_lease(std::string_view event, const Lease& lease, const std::string& detail) const {
    access::AuditTrail* const trail = book_ != nullptr ? book_->trail() : nullptr;
    if (trail == nullptr) return;
    access::AuditRecord record;
    record.event = event;
    record.identity = lease.holder.identity;
    record.via = lease.holder.via;
    record.client = lease.holder.client;
    record.port = name();
    record.outcome = "ok";
    record.detail = fmt::format("lease {} {}", lease.id, detail);
    const std::uint64_t at = port_.tx_offset();
    record.tx = access::TxRange{at, at};
    trail->add(std::move(record));
}

/// Rejects the writes that wait for room and whose clients may not write any more.
void Channel::refuse_pending_writes_of_others() {
    List<PendingWrite> refused;
    for (auto write = pending_writes_.begin(); write != pending_writes_.end();) {
        PendingWrite& one = *write++;
        if (check_access(one.writer)) continue;
        one.unlink();
        refused.push_back(one);
    }
    while (!refused.empty()) {
        PendingWrite& write = refused.front();
        write.unlink();
        const auto access = check_access(write.writer);
        refuse(write, access ? Error{Failure::refused, 0, holder(), "another client holds the port"} : access.error());
    }
}

/// Saves the lease for the next process. One that ends with its stream ends with this process.
void Channel::save_lease() {
    restart::SavedLease saved{leases_.last_id()};
    const Lease* const held = leases_.held();
    port_.stats()->lease_held.store(held != nullptr, std::memory_order_relaxed);
    if (held != nullptr && held->ttl) {
        saved.held = {held->holder.client, held->holder.identity, held->holder.via, held->reason,
                      held->since,         held->expires_wall(),  *held->ttl};
    }
    restart::save_lease(log_.store(), saved);
}

/// Continues a lease of the previous process that has not expired.
void Channel::restore_lease() {
    const restart::SavedLease saved = restart::saved_lease(log_.store());
    std::optional<Lease> held;
    if (saved.held) {
        const auto& before = *saved.held;
        // The clock may have been set: a lease never lasts longer than its ttl.
        const auto left =
            std::min<log::WallTime::duration>(before.expires - std::chrono::system_clock::now(), before.ttl);
        held = Lease{saved.last_id, {before.client, before.identity, before.via},
                     before.reason, before.since,
                     before.ttl,    Clock::now() + left};
        if (left.count() <= 0) {
            record_event(ended_event(*std::exchange(held, std::nullopt), LeaseEnd::expired));
        }
    } else if (saved_.is(restart::SavedPort::exclusive)) {
        record_event(port::WriterChanged{.lease = saved.last_id, .change = port::LeaseChange::released});
    }
    leases_.restore(saved.last_id, std::move(held));
    save_lease();
}

void Channel::clear_output(bool discard, std::function<void()> done) {
    if (!discard && port_.state() == port::PortState::online) {
        const auto deadline = Clock::now() + handover_limit;
        return port_.drain(deadline, [this, done = std::move(done)](const Result<void>& sent) {
            sent ? done() : clear_output(true, done);
        });
    }
    if (resuming_) {
        clear_when_open_ = [this, discard, done = std::move(done)] { clear_output(discard, done); };
        return clear_timer_.after(handover_limit, [this] { note_opened(); });
    }
    const Error why{Failure::lease_lost, 0, holder(), "the lease of the client that asked for this has ended"};
    port_.discard_output(why, "vserd (a lease ended)",
                         [done = std::move(done)](const Result<std::uint64_t>&) { done(); });
}

/// The device of the previous process is open, or it will not be soon.
void Channel::note_opened() {
    resuming_ = false;
    clear_timer_.cancel();
    // Posted, because the port has not taken its new state yet.
    if (auto clear = std::exchange(clear_when_open_, nullptr)) clear_timer_.after({}, std::move(clear));
}

void Channel::arm_lease_timer() {
    const auto deadline = leases_.next_deadline();
    if (deadline == lease_deadline_) return;
    lease_deadline_ = deadline;
    if (!deadline || stopped_) return lease_timer_.cancel();
    lease_timer_.at(*deadline, [this] {
        lease_deadline_.reset();
        leases_.tick(Clock::now());
    });
}

}  // namespace vserd::hub
