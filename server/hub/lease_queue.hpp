#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <optional>
#include <string>

#include "hub/lease.hpp"

namespace vserd::hub {

/// A request for a lease. The caller owns it, and keeps it in place until done() or LeaseQueue::withdraw().
struct LeaseRequest : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    LeaseParty party;  ///< Writer::acquire() completes it
    std::string reason;
    std::optional<std::chrono::milliseconds> ttl = lease_ttl_default;  ///< none: ends with `stream`
    const void* stream = nullptr;
    ClientRef who = nullptr;            ///< set by Writer::acquire()
    std::chrono::milliseconds wait{0};  ///< for the present lease and those that wait already; 0: not at all
    bool takeover = false;              ///< ends the present lease, and goes in front of those that wait
    /// Called once, perhaps inside acquire(). Failures: refused (another client holds the port, or held it until `wait` had
    /// passed), exhausted (lease_waiters_max), and the error of LeaseQueue::stop().
    std::function<void(const Result<Lease>&)> done;
    std::chrono::steady_clock::time_point give_up;  ///< set by acquire()
};

/// The lease of one port, and the requests that wait for it, in the order of their arrival. Io thread only.
///
/// After an expiry or a takeover the output of the earlier holder is discarded, after a release it is sent. The next holder gets
/// its lease only then, so no byte of an earlier holder follows. After a release, a lease of a stream does not wait for that:
/// the accepted bytes are sent before its own.
class LeaseQueue {
public:
    using Clock = std::chrono::steady_clock;
    using Requests = boost::intrusive::list<LeaseRequest, boost::intrusive::constant_time_size<false>>;

    struct Hooks {
        /// The lease begins. `taken_from`: the client whose lease it ended; empty: none. Called before LeaseRequest::done.
        std::function<void(const Lease& lease, const std::string& taken_from)> granted;
        /// The lease has ended. After a takeover this is not called unless the new client gave up meanwhile.
        std::function<void(const Lease& lease, LeaseEnd how)> ended;
        /// Requests of the earlier holder are no longer valid. Called at the end of each lease, before ended().
        std::function<void()> fenced;
        /// Sends the port's accepted output, or discards it, and calls `done` once, perhaps at once.
        std::function<void(bool discard, std::function<void()> done)> clear_output;
        /// next_deadline() may have changed.
        std::function<void()> deadline_changed;
    };

    LeaseQueue(std::string port, Hooks hooks) : port_(std::move(port)), hooks_(std::move(hooks)) {}
    LeaseQueue(const LeaseQueue&) = delete;
    LeaseQueue& operator=(const LeaseQueue&) = delete;

    void acquire(LeaseRequest& request, Clock::time_point now);
    static void withdraw(LeaseRequest& request) noexcept;
    /// Prolongs a lease by `ttl`, or by its own. Failures: lease_lost; refused (the lease belongs to another identity).
    Result<Lease> renew(const LeaseClaim& claim, std::optional<std::chrono::milliseconds> ttl, Clock::time_point now);
    /// Failures: see renew().
    Result<void> release(const LeaseClaim& claim, Clock::time_point now);
    /// Ends the lease of a stream, if it holds one.
    void release_stream(const void* stream, Clock::time_point now);
    /// Ends what has expired.
    void tick(Clock::time_point now);
    std::optional<Clock::time_point> next_deadline() const;
    /// Ends the lease, as an expiry does, and the requests of clients for which `lost` returns why they have lost their right.
    void revoke(const std::function<std::optional<Error>(const Client&)>& lost, Clock::time_point now);
    /// Continues a lease of the previous process. Requires: no lease and no request yet.
    void restore(std::uint64_t last_id, std::optional<Lease> held);
    /// Fails all requests, now and later. The lease remains.
    void stop(const Error& error);

    /// Whether a request that presents `claim` may write and change the line.
    Result<void> check(const LeaseClaim& claim) const;
    /// The port has accepted output while a lease is held.
    void note_output() noexcept { unclean_ = unclean_ || held_.has_value(); }

    const Lease* held() const noexcept { return held_ ? &*held_ : nullptr; }
    std::uint64_t last_id() const noexcept { return last_id_; }
    const Requests& waiting() const noexcept { return waiting_; }
    std::size_t waiting_count() const noexcept { return waiting_.size(); }

private:
    Result<void> check_owner(const LeaseClaim& claim) const;
    Error held_error() const;
    void end(LeaseEnd how, Clock::time_point now);
    void advance(Clock::time_point now);
    void clear(bool discard);
    void cleared();
    void grant(LeaseRequest& request, Clock::time_point now);
    void expire_requests(Clock::time_point now);

    const std::string port_;
    const Hooks hooks_;
    std::uint64_t last_id_ = 0;
    std::optional<Lease> held_;
    std::optional<Lease> taken_;  ///< ended by a takeover that has not been granted yet
    bool unclean_ = false;        ///< the port may still have output of an earlier holder
    bool clearing_ = false;
    std::optional<Error> stopped_;
    Requests waiting_;
};

}  // namespace vserd::hub
