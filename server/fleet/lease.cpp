#include "fleet/lease.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace vserd::fleet {
namespace {

using std::chrono::milliseconds;

/// So that three members can be asked before a lease ends.
constexpr milliseconds keep_alive_limit_min{1000};
constexpr milliseconds keep_alive_limit_max{5000};

}  // namespace

Lease::Lease(boost::asio::io_context& context, Link& link, Health& health, Counters& counters, std::chrono::seconds ttl,
             std::function<void()> changed)
    : link_(link), health_(health), counters_(counters), ttl_(ttl), changed_(std::move(changed)), wake_(context) {}

void Lease::stop() {
    stopping_ = true;
    wake_.notify();
}

Awaitable<> Lease::run() {
    while (!stopping_) {
        Result<void> done;
        if (id_ != 0) {
            done = co_await keep();
        } else {
            done = co_await obtain();
        }
        if (stopping_) break;
        if (done) {
            health_.works(Task::lease);
            backoff_.reset();
            if (id_ != 0) co_await wake_.wait_for(third());
        } else {
            if (link_.is_final(done.error())) health_.failed(Task::lease, done.error());
            co_await wake_.wait_for(backoff_.next());
        }
    }
}

Awaitable<Result<void>> Lease::obtain() {
    const auto asked = boot_time_now();
    const auto granted = co_await link_.grant(ttl_);
    if (!granted) co_return granted.error();
    if (granted->id() == 0)
        co_return Error{Failure::exhausted, 0, "etcd",
                        "etcd grants no lease: " + base::printable_text(granted->error())};
    id_ = granted->id();
    valid_until_ = asked + std::chrono::seconds(granted->ttl());
    changed_();
    co_return Result<void>{};
}

Awaitable<Result<void>> Lease::keep() {
    const std::int64_t id = id_;
    const auto asked = boot_time_now();
    const auto limit = std::clamp(milliseconds(ttl_) / 5, keep_alive_limit_min, keep_alive_limit_max);
    const auto left = co_await link_.keep_alive(id, limit);
    if (!left && left.error().failure != Failure::not_found) co_return left.error();
    if (!left || *left <= 0) {
        lost(id);
        co_return Result<void>{};
    }
    const bool was_certain = is_certain();
    valid_until_ = asked + std::chrono::seconds(*left);
    if (!was_certain) changed_();
    co_return Result<void>{};
}

void Lease::lost(std::int64_t id) {
    if (id != id_ || id == 0) return;
    id_ = 0;
    counters_.lease_losses.fetch_add(1, std::memory_order_relaxed);
    changed_();
    wake_.notify();
}

}  // namespace vserd::fleet
