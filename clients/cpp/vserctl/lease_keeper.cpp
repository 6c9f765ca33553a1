#include "vserctl/lease_keeper.hpp"

#include <algorithm>
#include <utility>

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::chrono::milliseconds retry_interval{500};

}  // namespace

LeaseKeeper::LeaseKeeper(client::Client client, client::Lease lease, std::chrono::milliseconds ttl,
                         std::function<void(const std::string& why)> lost)
    : client_(std::move(client)),
      lease_(std::move(lease)),
      ttl_(ttl),
      lost_(std::move(lost)),
      valid_until_(Clock::now() + ttl),
      events_(client_.watch({lease_.port})),
      watcher_([this] { watch(); }),
      renewer_([this] { renew_repeatedly(); }) {}

LeaseKeeper::~LeaseKeeper() { stop(); }

void LeaseKeeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        events_.cancel();
    }
    changed_.notify_all();
    if (watcher_.joinable()) watcher_.join();
    if (renewer_.joinable()) renewer_.join();
}

void LeaseKeeper::release() {
    stop();
    if (!std::exchange(ended_, true)) (void)client_.release(lease_.port, lease_.id);  // it ends anyway after its ttl
}

void LeaseKeeper::renew_repeatedly() {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            const auto pause = answered_ ? ttl_ / 3 : std::min<std::chrono::milliseconds>(retry_interval, ttl_ / 10);
            changed_.wait_for(lock, pause, [this] { return stopping_ || std::exchange(look_now_, false); });
            if (stopping_) return;
        }
        if (const auto why = renew()) {
            {
                const std::lock_guard lock(mutex_);
                ended_ = true;
            }
            return lost_(*why);
        }
    }
}

std::optional<std::string> LeaseKeeper::renew() {
    const auto asked = Clock::now();
    const auto renewed = client_.renew(lease_.port, lease_.id);
    answered_ = renewed.ok();
    if (renewed) {
        valid_until_ = asked + ttl_;
        return std::nullopt;
    }
    const auto& error = renewed.error();
    const bool ended = error.reason == "LEASE_LOST" || error.reason == "PORT_HELD" || error.reason == "PORT_NOT_FOUND";
    if (ended) return error.message;
    if (Clock::now() < valid_until_) return std::nullopt;  // the server may restart, and the lease survives that
    return "the server did not answer in time: " + error.message;
}

/// Every change of the port's lease leads to a renewal, whose answer says whether the lease is still ours.
void LeaseKeeper::watch() {
    for (;;) {
        while (const auto event = events_.next()) {
            const bool lease_changed =
                event->event && std::holds_alternative<client::WriterChanged>(event->event->what);
            if (!lease_changed && !event->removed && event->events_lost == 0) continue;
            const std::lock_guard lock(mutex_);
            look_now_ = true;
            changed_.notify_all();
        }
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, retry_interval, [this] { return stopping_ || ended_; });
        if (stopping_ || ended_) return;
        events_ = client_.watch({lease_.port});
        look_now_ = true;  // the stream was lost, and events with it
        changed_.notify_all();
    }
}

}  // namespace vserctl
