#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "fleet/backoff.hpp"
#include "fleet/boot_clock.hpp"
#include "fleet/health.hpp"
#include "fleet/link.hpp"
#include "fleet/signal.hpp"

namespace vserd::fleet {

/// The lease that all of this bridge's keys have. It is renewed after a third of its time, and replaced when etcd says that it has
/// ended. Fleet thread.
class Lease {
public:
    /// `changed` is called when the lease is a new one or has ended, and when is_certain() has become true. All outlive this.
    Lease(boost::asio::io_context& context, Link& link, Health& health, Counters& counters, std::chrono::seconds ttl,
          std::function<void()> changed);

    Awaitable<> run();
    void stop();

    /// 0: there is none.
    std::int64_t id() const noexcept { return id_; }
    /// Whether it lives for certain. After a pause of this process or a long silence of etcd it may have ended: then nothing may
    /// be claimed until etcd has renewed it.
    bool is_certain() const noexcept { return id_ != 0 && boot_time_now() < valid_until_; }
    /// Renews it now.
    void renew() { wake_.notify(); }
    /// etcd does not know it any more.
    void lost(std::int64_t id);

private:
    Awaitable<Result<void>> obtain();
    Awaitable<Result<void>> keep();
    std::chrono::milliseconds third() const { return std::chrono::milliseconds(ttl_) / 3; }

    Link& link_;
    Health& health_;
    Counters& counters_;
    const std::chrono::seconds ttl_;
    const std::function<void()> changed_;
    Signal wake_;
    Backoff backoff_;
    std::int64_t id_ = 0;
    BootTime valid_until_{};
    bool stopping_ = false;
};

}  // namespace vserd::fleet
