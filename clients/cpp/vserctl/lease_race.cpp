#include "vserctl/lease_race.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "vser_client/pending_call.hpp"
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

/// Our places in the queues of several ports.
class LeaseRace {
public:
    LeaseRace(const std::vector<LeaseCandidate>& candidates, const client::AcquireOptions& options)
        : holder_(options.client) {
        for (const auto& candidate : candidates) {
            places_.push_back({&candidate, candidate.client.begin_acquire(candidate.port, options), false});
        }
    }

    /// Waits for the first lease, and leaves all other queues.
    std::optional<HeldLease> run(Reasons& reasons) {
        std::optional<HeldLease> held;
        while (!held && wait_for_reply()) take_replies(held, reasons);
        for (auto& place : places_) place.call.cancel();
        while (wait_for_reply()) take_replies(held, reasons);
        for (const auto& at : unknown_) release_forgotten(*at);
        return held;
    }

private:
    struct Place {
        const LeaseCandidate* at;
        client::PendingCall<Lease> call;
        bool answered;
    };

    /// Returns false if all have replied.
    bool wait_for_reply() {
        std::vector<pollfd> replies;
        for (const auto& place : places_) replies.push_back({place.call.ready_fd(), POLLIN, 0});
        if (replies.empty()) return false;
        ::poll(replies.data(), replies.size(), -1);
        return true;
    }

    void take_replies(std::optional<HeldLease>& held, Reasons& reasons) {
        for (auto& place : places_) {
            const auto reply = place.call.take();
            if (!reply) continue;
            place.answered = true;
            take_reply(*place.at, *reply, held, reasons);
        }
        std::erase_if(places_, [](const Place& place) { return place.answered; });
    }

    void take_reply(const LeaseCandidate& at, const Result<Lease>& reply, std::optional<HeldLease>& held,
                    Reasons& reasons) {
        if (!reply) {
            if (held && reply.error().code == client::Code::cancelled) unknown_.push_back(&at);
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
            if (lease.holder == holder_ && lease.id != 0) (void)at.client.release(at.port, lease.id);
        }
    }

    const std::string holder_;
    std::vector<Place> places_;
    std::vector<const LeaseCandidate*> unknown_;
};

std::optional<HeldLease> wait_in_queues(const std::vector<LeaseCandidate>& candidates, client::AcquireOptions options,
                                        Reasons& reasons) {
    const auto ttl = std::exchange(options.ttl, std::min(options.ttl, grant_ttl));
    const auto count = std::min(candidates.size(), queues_max);
    put_message(fmt::format("vserctl: waiting for one of {} ports that others hold{}\n", candidates.size(),
                            count < candidates.size() ? fmt::format(", in the queues of {}", count) : ""));
    auto held =
        LeaseRace({candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count)}, options).run(reasons);
    if (!held || options.ttl == ttl) return held;
    auto renewed = held->at.client.renew(held->at.port, held->lease.id, ttl);
    if (renewed) return HeldLease{held->at, *std::move(renewed)};
    reasons.add(renewed.error());
    return std::nullopt;
}

}  // namespace

Result<HeldLease> acquire_any(const std::vector<LeaseCandidate>& candidates, client::AcquireOptions options) {
    options.client = unique_name(options.client);
    Reasons reasons;
    auto held = take_free(candidates, options, reasons);
    if (!held && options.wait.count() > 0) {
        Reasons waited;
        held = wait_in_queues(candidates, options, waited);
        if (!held) reasons = waited;
    }
    if (held) return *std::move(held);
    return reasons.all(candidates.size());
}

}  // namespace vserctl
