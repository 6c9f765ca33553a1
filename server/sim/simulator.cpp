#include "sim/simulator.hpp"

#include <fmt/core.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <array>
#include <csignal>

#include "base/thread.hpp"

namespace vserd::sim {
namespace {

constexpr std::size_t named_devices_max = 4096;
constexpr std::size_t events_max = 256;
// Keys of the two descriptors that are not devices; keys of devices start at 1.
constexpr std::uint64_t timer_key = ~std::uint64_t{0};
constexpr std::uint64_t wake_key = timer_key - 1;

Result<void> watch(int epoll, int fd, std::uint32_t events, std::uint64_t key, int operation = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    if (::epoll_ctl(epoll, operation, fd, &event) != 0) return errno_error("epoll of the simulator");
    return {};
}

std::uint32_t device_events(bool writable) {
    const std::uint32_t base = EPOLLIN | EPOLLET;
    return writable ? base | EPOLLOUT : base;
}

}  // namespace

Simulator& Simulator::instance() {
    static Simulator simulator;
    return simulator;
}

Simulator::~Simulator() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    if (!thread_.joinable()) return;
    wake();
    thread_.join();
}

Result<std::shared_ptr<SimDevice>> Simulator::device_for(const SimSpec& spec) {
    const std::scoped_lock lock(mutex_);
    if (spec.id.empty()) return std::make_shared<SimDevice>(spec, ++last_number_);
    const auto known = named_.find(spec.id);
    if (known == named_.end()) {
        if (named_.size() >= named_devices_max) {
            return Error{Failure::exhausted, 0, "named_devices_max",
                         fmt::format("there are {} simulated devices with an id already", named_devices_max)};
        }
        return named_.emplace(spec.id, std::make_shared<SimDevice>(spec, ++last_number_)).first->second;
    }
    if (known->second->spec().model != spec.model) {
        return Error{Failure::invalid_argument, 0, "device",
                     fmt::format("id '{}' belongs to a device of another kind", spec.id)};
    }
    return known->second;
}

std::shared_ptr<SimDevice> Simulator::find(std::string_view id) {
    const std::scoped_lock lock(mutex_);
    const auto known = named_.find(id);
    return known != named_.end() ? known->second : nullptr;
}

Result<void> Simulator::start() {
    if (thread_.joinable()) return {};
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    wake_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!epoll_ || !timer_ || !wake_) return errno_error("descriptors of the simulator");
    if (auto watched = watch(epoll_.get(), timer_.get(), EPOLLIN | EPOLLET, timer_key); !watched) return watched;
    if (auto watched = watch(epoll_.get(), wake_.get(), EPOLLIN | EPOLLET, wake_key); !watched) return watched;
    // Other threads handle the signals.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    auto thread = base::start_thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!thread) return thread.error();
    thread_ = std::move(*thread);
    return {};
}

Result<void> Simulator::attach(std::shared_ptr<SimDevice> device) {
    const std::scoped_lock lock(mutex_);
    if (auto started = start(); !started) return started;
    const int fd = device->device_fd();
    const auto number = device->number();
    if (auto watched = watch(epoll_.get(), fd, device_events(false), number); !watched) return watched;
    entries_[number] = Entry{std::move(device), fd, std::nullopt, false};
    poked_.push_back(number);
    wake();
    return {};
}

void Simulator::detach(const SimDevice& device) {
    std::shared_ptr<SimDevice> last_owner;  // outlives the lock, because it may be the last owner
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(device.number());
    if (found == entries_.end()) return;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
    reschedule(found->first, found->second, std::nullopt);
    last_owner = std::move(found->second.device);
    entries_.erase(found);
}

void Simulator::poke(const SimDevice& device) {
    const std::scoped_lock lock(mutex_);
    if (entries_.find(device.number()) == entries_.end()) return;
    poked_.push_back(device.number());
    if (poked_.size() == 1) wake();
}

void Simulator::wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written =
        ::write(wake_.get(), &one, sizeof one);  // fails only if the thread is already being woken
}

void Simulator::run() {
    for (Turns turns; wait(turns); turns.clear()) {
        for (auto& [number, turn] : turns) {
            turn.next = turn.device->service(std::chrono::steady_clock::now(), turn.readable);
        }
        plan(turns);
    }
}

bool Simulator::wait(Turns& turns) {
    std::array<epoll_event, events_max> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
    const int count = ::epoll_wait(epoll_.get(), events.data(), events_max, -1);
    const std::scoped_lock lock(mutex_);
    for (int i = 0; i < count; ++i) {
        const auto& event = events.at(static_cast<std::size_t>(i));
        const std::uint64_t key = event.data.u64;  // epoll_event is packed: no reference to it is aligned
        const auto entry = entries_.find(key);
        if (entry == entries_.end()) continue;  // the timer, a wake-up, or a device that was just removed
        Turn& turn = turns[key];
        turn.device = entry->second.device;
        turn.readable = (event.events & EPOLLIN) != 0;
    }
    add_due(turns);
    return !stopping_;
}

void Simulator::add_due(Turns& turns) {
    const auto now = std::chrono::steady_clock::now();
    const auto add = [&](std::uint64_t number) {
        const auto entry = entries_.find(number);
        if (entry != entries_.end()) turns[number].device = entry->second.device;
    };
    for (const auto number : poked_) add(number);
    poked_.clear();
    for (const auto& [deadline, number] : deadlines_) {
        if (deadline > now) break;
        add(number);
    }
}

void Simulator::plan(const Turns& turns) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [number, turn] : turns) {
        const auto found = entries_.find(number);
        if (found == entries_.end()) continue;
        Entry& entry = found->second;
        const auto& next = turn.next;
        reschedule(number, entry, next.deadline);
        if (next.wants_writable == entry.watches_writable) continue;
        entry.watches_writable = next.wants_writable;
        // This fails only without memory; then the device continues at its next deadline, or when the host reads.
        (void)watch(epoll_.get(), entry.fd, device_events(next.wants_writable), number, EPOLL_CTL_MOD);
    }
    arm_timer();
}

void Simulator::reschedule(std::uint64_t number, Entry& entry, std::optional<SimTime> deadline) {
    if (entry.deadline == deadline) return;
    if (entry.deadline) deadlines_.erase({*entry.deadline, number});
    if (deadline) deadlines_.emplace(*deadline, number);
    entry.deadline = deadline;
}

void Simulator::arm_timer() {
    itimerspec when{};  // zero disarms
    if (!deadlines_.empty()) {
        // steady_clock is CLOCK_MONOTONIC in libstdc++. Zero would disarm, so the past is 1 ns after boot.
        const auto at =
            std::max<std::int64_t>(1, std::chrono::nanoseconds(deadlines_.begin()->first.time_since_epoch()).count());
        when.it_value.tv_sec = at / 1'000'000'000;
        when.it_value.tv_nsec = at % 1'000'000'000;
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace vserd::sim
