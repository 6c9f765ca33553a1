#include "hub/lease_queue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace vserd::hub {
namespace {

/// The function may destroy the request.
void answer(LeaseRequest& request, const Result<Lease>& result) {
    const auto done = std::move(request.done);
    done(result);
}

}  // namespace

void LeaseQueue::acquire(LeaseRequest& request, Clock::time_point now) {
    if (stopped_) return answer(request, *stopped_);
    const bool busy = held_.has_value() || !waiting_.empty();
    if (busy && !request.takeover && request.wait.count() <= 0) return answer(request, held_error());
    if (waiting_.size() >= lease_waiters_max) {
        return answer(request,
                      Error{Failure::exhausted, 0, "lease_waiters_max",
                            fmt::format("{} clients, which is the limit, wait for port \"{}\"; try again later",
                                        lease_waiters_max, port_)});
    }
    // A request that only waits for the output of the previous holder gets the lease, however long it would wait.
    request.give_up = busy && !request.takeover ? now + request.wait : Clock::time_point::max();
    if (!request.takeover) {
        waiting_.push_back(request);
        return advance(now);
    }
    waiting_.push_front(request);
    held_ ? end(LeaseEnd::taken_over, now) : advance(now);
}

void LeaseQueue::withdraw(LeaseRequest& request) noexcept {
    if (request.is_linked()) request.unlink();
}

Error LeaseQueue::held_error() const {
    if (held_) return lease_held_error(port_, *held_);
    const std::string& next = waiting_.empty() ? port_ : waiting_.front().party.client;
    return {
        Failure::refused, 0, next,
        fmt::format("port \"{}\" is about to be held exclusively by \"{}\"; wait for its lease to end", port_, next)};
}

Result<void> LeaseQueue::check(const LeaseClaim& claim) const {
    if (claim.lease != 0) return check_owner(claim);
    if (held_ && held_->stream != nullptr && held_->stream == claim.stream) return {};
    if (held_ || (clearing_ && !waiting_.empty())) return held_error();
    return {};
}

/// Whether that client holds that lease.
Result<void> LeaseQueue::check_owner(const LeaseClaim& claim) const {
    if (!held_ || held_->id != claim.lease) return lease_lost_error(port_, claim.lease, held());
    const bool expired = held_->ttl && held_->expires <= Clock::now();  // the timer may be late
    if (expired) return lease_lost_error(port_, claim.lease, nullptr);
    if (held_->holder.identity != claim.identity) return held_error();
    return {};
}

Result<Lease> LeaseQueue::renew(const LeaseClaim& claim, std::optional<std::chrono::milliseconds> ttl,
                                Clock::time_point now) {
    if (const auto owned = check_owner(claim); !owned) return owned.error();
    if (held_->ttl) {
        if (ttl) held_->ttl = ttl;
        held_->expires = now + *held_->ttl;
        hooks_.deadline_changed();
    }
    return *held_;
}

Result<void> LeaseQueue::release(const LeaseClaim& claim, Clock::time_point now) {
    if (auto owned = check_owner(claim); !owned) return owned;
    end(LeaseEnd::released, now);
    return {};
}

void LeaseQueue::release_stream(const void* stream, Clock::time_point now) {
    if (held_ && held_->stream == stream) end(LeaseEnd::released, now);
}

void LeaseQueue::end(LeaseEnd how, Clock::time_point now) {
    const Lease lease = *std::exchange(held_, std::nullopt);
    hooks_.fenced();
    if (how == LeaseEnd::taken_over) {
        taken_ = lease;
    } else {
        hooks_.ended(lease, how);
    }
    if (how != LeaseEnd::released && unclean_ && !clearing_) return clear(/*discard=*/true);
    advance(now);
}

/// Grants the port to the first request that waits, if it is free.
void LeaseQueue::advance(Clock::time_point now) {
    if (held_ || clearing_) return hooks_.deadline_changed();
    if (waiting_.empty()) {
        if (const auto taken = std::exchange(taken_, std::nullopt)) hooks_.ended(*taken, LeaseEnd::taken_over);
        return hooks_.deadline_changed();
    }
    if (unclean_ && waiting_.front().ttl) return clear(/*discard=*/false);
    grant(waiting_.front(), now);
}

void LeaseQueue::clear(bool discard) {
    clearing_ = true;
    hooks_.deadline_changed();
    hooks_.clear_output(discard, [this] { cleared(); });
}

void LeaseQueue::cleared() {
    clearing_ = false;
    unclean_ = false;
    advance(Clock::now());
}

void LeaseQueue::grant(LeaseRequest& request, Clock::time_point now) {
    request.unlink();
    const auto done = std::move(request.done);  // a hook may end the request
    const auto wall = std::chrono::system_clock::now();
    last_id_ = next_lease_id(last_id_, wall);
    held_ = Lease{last_id_, request.party, request.reason, wall, request.ttl, {}, request.stream, request.who};
    if (held_->ttl) held_->expires = now + *held_->ttl;
    const auto taken = std::exchange(taken_, std::nullopt);
    const Lease lease = *held_;  // a hook may end it
    hooks_.deadline_changed();
    hooks_.granted(lease, taken ? taken->holder.client : std::string{});
    done(lease);
}

void LeaseQueue::tick(Clock::time_point now) {
    if (held_ && held_->ttl && held_->expires <= now) end(LeaseEnd::expired, now);
    expire_requests(now);
    hooks_.deadline_changed();
}

void LeaseQueue::expire_requests(Clock::time_point now) {
    Requests late;
    for (auto request = waiting_.begin(); request != waiting_.end();) {
        LeaseRequest& one = *request++;
        if (one.give_up > now) continue;
        one.unlink();
        late.push_back(one);
    }
    while (!late.empty()) {
        LeaseRequest& request = late.front();
        request.unlink();
        answer(request, held_error());
    }
}

void LeaseQueue::revoke(const std::function<std::optional<Error>(const Client&)>& lost, Clock::time_point now) {
    for (auto request = waiting_.begin(); request != waiting_.end();) {
        LeaseRequest& one = *request++;
        const auto why = one.who != nullptr ? lost(*one.who) : std::nullopt;
        if (!why) continue;
        one.unlink();
        answer(one, *why);
        request = waiting_.begin();  // the answer may have removed others
    }
    if (held_ && held_->who != nullptr && lost(*held_->who)) end(LeaseEnd::expired, now);
    hooks_.deadline_changed();
}

std::optional<LeaseQueue::Clock::time_point> LeaseQueue::next_deadline() const {
    auto next = held_ && held_->ttl ? held_->expires : Clock::time_point::max();
    for (const LeaseRequest& request : waiting_) next = std::min(next, request.give_up);
    return next == Clock::time_point::max() ? std::nullopt : std::optional(next);
}

void LeaseQueue::restore(std::uint64_t last_id, std::optional<Lease> held) {
    last_id_ = last_id;
    held_ = std::move(held);
    unclean_ = last_id_ != 0;  // the driver may still have bytes of a holder
    hooks_.deadline_changed();
}

void LeaseQueue::stop(const Error& error) {
    stopped_ = error;
    Requests failed;
    failed.swap(waiting_);
    while (!failed.empty()) {
        LeaseRequest& request = failed.front();
        request.unlink();
        answer(request, error);
    }
}

}  // namespace vserd::hub
