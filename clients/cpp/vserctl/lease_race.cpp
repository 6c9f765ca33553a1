#include "vserctl/lease_race.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>

#include "vser_client/pending_call.hpp"
#include "vserctl/lease_scout.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

using client::Error;
using client::Lease;
using client::Result;

constexpr std::size_t queues_max = 64;  // each has a thread
/// A lease whose grant never reaches us, because we were killed in that moment, blocks its port for this long.
constexpr std::chrono::milliseconds grant_ttl{10'000};
constexpr std::size_t client_name_bytes_max = 64;  // the server's limit

/// So that we recognize our own leases: other processes of this machine have the same name.
std::string unique_name(const std::string& name) {
    std::random_device random;
    const auto ending = fmt::format(" {:08x}", static_cast<std::uint32_t>(random()));
    return name.substr(0, client_name_bytes_max - ending.size()) + ending;
}

/// Collects why no port could be had: that others hold them is what the user has to know first.
class Reasons {
public:
    void add(const Error& error) {
        if (!why_ || (why_->reason != "PORT_HELD" && error.reason == "PORT_HELD")) why_ = error;
    }
    Error all(std::size_t candidates) const {
        if (!why_) {
            return {.code = client::Code::not_found,
                    .message = "no port with these labels came online in time",
                    .reason = "PORT_NOT_FOUND",
                    .metadata = {}};
        }
        Error error = *why_;
        if (candidates > 1) error.message = fmt::format("none of {} ports could be had: {}", candidates, error.message);
        return error;
    }

private:
    std::optional<Error> why_;
};

std::optional<HeldLease> take_free(const std::vector<LeaseCandidate>& candidates, client::AcquireOptions options,
                                   Reasons& reasons) {
    options.wait = {};
    for (const auto& candidate : candidates) {
        auto lease = candidate.client.acquire(candidate.port, options);
        if (lease) return HeldLease{candidate, *std::move(lease)};
        reasons.add(lease.error());
    }
    return std::nullopt;
}

/// A server can come back, and a port can be plugged in again or move to another bridge.
bool is_final(const Error& error) {
    return !error.is_transport() && error.code != client::Code::not_found &&
           error.code != client::Code::failed_precondition;
}

/// Our places in the queues of several ports.
class LeaseRace {
public:
    LeaseRace(const std::vector<LeaseCandidate>& candidates, const client::AcquireOptions& options, LeaseScout& scout)
        : options_(options), deadline_(Clock::now() + options.wait), scout_(scout) {
        for (const auto& candidate : candidates) join_queue(candidate);
    }

    /// Waits for the first lease, and leaves all other queues.
    std::optional<HeldLease> run(Reasons& reasons) {
        std::optional<HeldLease> held;
        while (!held && wait_for_news()) {
            take_replies(held, reasons);
            for (const auto& candidate : scout_.take()) join_queue(candidate);
        }
        for (auto& place : places_) place.call.cancel();
        while (wait_for_reply()) take_replies(held, reasons);
        for (const auto& at : unknown_) release_forgotten(at);
        return held;
    }

private:
    using Clock = std::chrono::steady_clock;

    struct Place {
        LeaseCandidate at;
        client::PendingCall<Lease> call;
        bool answered;
    };

    std::chrono::milliseconds left() const {
        return std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    }

    void join_queue(const LeaseCandidate& candidate) {
        const auto is_it = [&](const LeaseCandidate& at) {
            return at.port == candidate.port && at.server == candidate.server;
        };
        if (places_.size() >= queues_max || left().count() <= 0 || std::ranges::any_of(refused_, is_it) ||
            std::ranges::any_of(places_, is_it, &Place::at))
            return;
        auto options = options_;
        options.wait = left();
        places_.push_back({candidate, candidate.client.begin_acquire(candidate.port, options), false});
    }

    std::vector<pollfd> replies() const {
        std::vector<pollfd> all;
        for (const auto& place : places_) all.push_back({place.call.ready_fd(), POLLIN, 0});
        return all;
    }

    /// Returns false if all have replied.
    bool wait_for_reply() {
        auto all = replies();
        if (all.empty()) return false;
        ::poll(all.data(), all.size(), -1);
        return true;
    }

    /// For a reply or more ports. Returns false if there is nothing to wait for: the time is over, or every port was refused.
    bool wait_for_news() {
        auto all = replies();
        if (all.empty() && (!refused_.empty() || left().count() <= 0)) return false;
        const int limit_ms = all.empty() ? static_cast<int>(std::clamp<std::int64_t>(left().count(), 0, 60'000)) : -1;
        all.push_back({scout_.ready_fd(), POLLIN, 0});
        ::poll(all.data(), all.size(), limit_ms);
        return true;
    }

    void take_replies(std::optional<HeldLease>& held, Reasons& reasons) {
        for (auto& place : places_) {
            const auto reply = place.call.take();
            if (!reply) continue;
            place.answered = true;
            take_reply(place.at, *reply, held, reasons);
        }
        std::erase_if(places_, [](const Place& place) { return place.answered; });
    }

    void take_reply(const LeaseCandidate& at, const Result<Lease>& reply, std::optional<HeldLease>& held,
                    Reasons& reasons) {
        if (!reply) {
            if (held && reply.error().code == client::Code::cancelled) unknown_.push_back(at);
            if (is_final(reply.error())) refused_.push_back(at);
            return reasons.add(reply.error());
        }
        if (!held) {
            held = HeldLease{at, *reply};
        } else {
            (void)at.client.release(at.port, reply->id);  // it ends anyway after grant_ttl
        }
    }

    /// A lease that was granted while we left the queue.
    void release_forgotten(const LeaseCandidate& at) const {
        const auto list = at.client.leases({at.port});
        if (!list) return;  // the lease, if there is one, ends after grant_ttl
        for (const auto& lease : list->leases) {
            if (lease.holder == options_.client && lease.id != 0) (void)at.client.release(at.port, lease.id);
        }
    }

    const client::AcquireOptions options_;
    const Clock::time_point deadline_;
    LeaseScout& scout_;
    std::vector<Place> places_;
    std::vector<LeaseCandidate> refused_;
    std::vector<LeaseCandidate> unknown_;
};

std::optional<HeldLease> wait_in_queues(const std::vector<LeaseCandidate>& candidates, client::AcquireOptions options,
                                        LookForPorts look, Reasons& reasons) {
    const auto ttl = std::exchange(options.ttl, std::min(options.ttl, grant_ttl));
    const auto count = std::min(candidates.size(), queues_max);
    if (count > 0)
        put_message(fmt::format("vserctl: waiting for one of {} ports that others hold{}\n", candidates.size(),
                                count < candidates.size() ? fmt::format(", in the queues of {}", count) : ""));
    LeaseScout scout(std::move(look));
    auto held = LeaseRace(candidates, options, scout).run(reasons);
    if (!held || options.ttl == ttl) return held;
    auto renewed = held->at.client.renew(held->at.port, held->lease.id, ttl);
    if (renewed) return HeldLease{held->at, *std::move(renewed)};
    reasons.add(renewed.error());
    return std::nullopt;
}

}  // namespace

Result<HeldLease> acquire_any(const std::vector<LeaseCandidate>& candidates, client::AcquireOptions options,
                              LookForPorts look) {
    options.client = unique_name(options.client);
    Reasons reasons;
    auto held = take_free(candidates, options, reasons);
    if (!held && options.wait.count() > 0) {
        Reasons waited;
        held = wait_in_queues(candidates, options, std::move(look), waited);
        if (!held) reasons = waited;
    }
    if (held) return *std::move(held);
    return reasons.all(candidates.size());
}

}  // namespace vserctl
