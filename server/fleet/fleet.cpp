#include "fleet/fleet.hpp"

#include <fmt/core.h>
#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <thread>
#include <utility>

#include "base/thread.hpp"
#include "fleet/health.hpp"
#include "fleet/lease.hpp"
#include "fleet/link.hpp"
#include "fleet/mirror.hpp"
#include "fleet/port_source.hpp"
#include "fleet/registrar.hpp"
#include "hub/session.hpp"

namespace vserd::fleet {
namespace {

constexpr std::chrono::milliseconds call_limit{5000};
constexpr std::chrono::milliseconds farewell_limit{1000};

void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

class Fleet::Impl {
public:
    Impl(hub::Hub& hub, Settings settings, roster::Roster& roster)
        : settings_(std::move(settings)),
          health_(settings_, roster, counters_),
          link_(context_, settings_.etcd, counters_, call_limit),
          lease_(*context_, link_, health_, counters_, settings_.ttl, [this] { registrar_.lease_changed(); }),
          registrar_(*context_, link_, health_, settings_, lease_),
          mirror_(*context_, link_, health_, counters_, settings_, roster, registrar_),
          loop_(hub::Session(hub, {}).loop()),
          ports_(hub, *context_, registrar_) {}
    ~Impl() {
        if (!stopped_) stop([] {});
        if (thread_.joinable()) thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> run() {
        boost::asio::co_spawn(*context_, lease_.run(), rethrow);
        boost::asio::co_spawn(*context_, registrar_.run(), rethrow);
        boost::asio::co_spawn(*context_, mirror_.run(), rethrow);
        auto thread = base::start_thread([context = context_] {
            ::pthread_setname_np(::pthread_self(), "vserd-fleet");
            context->run();  // until every task has ended
        });
        if (!thread) return thread.error();
        thread_ = std::move(*thread);
        return {};
    }

    void stop(std::function<void()> done) {
        if (std::exchange(stopped_, true)) return loop_.post(std::move(done));
        ports_.stop();
        boost::asio::post(*context_, [this, done = std::move(done)]() mutable {
            boost::asio::co_spawn(*context_, leave(std::move(done)), rethrow);
        });
    }

    const Counters& counters() const noexcept { return counters_; }

private:
    /// Without the lease, others need not wait until it ends by itself. A restart keeps it: the next process takes the names over
    /// before it ends.
    Awaitable<> leave(std::function<void()> done) {
        mirror_.stop();
        registrar_.stop();
        lease_.stop();
        link_.close();
        const std::int64_t lease = lease_.id();
        if (lease != 0 && settings_.restarts()) {
            static_cast<void>(co_await link_.keep_alive(lease, farewell_limit));
            settings_.inform(
                fmt::format("fleet: vserd restarts, so its names are kept for {} s", settings_.ttl.count()));
        } else if (lease != 0) {
            static_cast<void>(co_await link_.revoke(lease, farewell_limit));
        }
        loop_.post(std::move(done));
    }

    const Settings settings_;
    Counters counters_;
    const std::shared_ptr<boost::asio::io_context> context_ = std::make_shared<boost::asio::io_context>(1);
    Health health_;
    Link link_;
    Lease lease_;
    Registrar registrar_;
    Mirror mirror_;
    io::Loop& loop_;
    PortSource ports_;
    bool stopped_ = false;
    std::thread thread_;
};

Result<std::unique_ptr<Fleet>> Fleet::start(hub::Hub& hub, Settings settings, roster::Roster& roster) {
    if (const auto checked = check_files(settings.etcd); !checked) return checked.error();
    auto impl = std::make_unique<Impl>(hub, std::move(settings), roster);
    if (const auto running = impl->run(); !running) return running.error();
    return std::unique_ptr<Fleet>(new Fleet(std::move(impl)));
}

Fleet::Fleet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Fleet::~Fleet() = default;
void Fleet::stop(std::function<void()> done) { impl_->stop(std::move(done)); }
const Counters& Fleet::counters() const noexcept { return impl_->counters(); }

}  // namespace vserd::fleet
