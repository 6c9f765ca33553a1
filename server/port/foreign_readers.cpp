#include "port/foreign_readers.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "base/device_readers.hpp"
#include "port/worker_pool.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Found = std::map<dev_t, std::vector<std::string>>;

constexpr milliseconds first_scan_delay{20};  // at start, all devices are added within this time
constexpr milliseconds scan_interval{10'000};
/// The pause after a scan, as a multiple of its duration.
constexpr int pause_per_scan_time = 100;
constexpr int pause_before_added = 10;

milliseconds with_jitter(Clock::duration pause) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto whole = std::chrono::duration_cast<milliseconds>(pause);
    return milliseconds{std::uniform_int_distribution<milliseconds::rep>(whole.count() * 3 / 4, whole.count())(random)};
}

}  // namespace

class ForeignReaders::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(io::Loop& loop, WorkerPool& workers) : workers_(workers), timer_(loop.context()) {}

    std::size_t add(dev_t device, Changed changed) {
        entries_[++last_id_] = {device, std::move(changed), {}};
        const auto soonest =
            std::max(first_scan_delay, std::chrono::duration_cast<milliseconds>(last_scan_time_ * pause_before_added));
        schedule(soonest);
        return last_id_;
    }

    void remove(std::size_t id) { entries_.erase(id); }

    void end() {
        entries_.clear();
        timer_.cancel();
    }

private:
    struct Entry {
        dev_t device;
        Changed changed;
        std::optional<std::vector<std::string>> known;  ///< empty before the first scan of this device
    };

    /// Scans no later than that. A running scan does not include devices added after it started.
    void schedule(milliseconds delay) {
        const auto at = Clock::now() + delay;
        if (next_scan_ && *next_scan_ <= at) return;
        next_scan_ = at;
        timer_.expires_at(at);
        timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->scan();
        });
    }

    void scan() {
        next_scan_.reset();
        if (entries_.empty()) return;
        if (scanning_) return schedule(first_scan_delay);
        scanning_ = true;
        std::set<dev_t> devices;
        for (const auto& [id, entry] : entries_) devices.insert(entry.device);
        const auto result = std::make_shared<Found>();  // shared with the worker
        const auto began = Clock::now();
        workers_.run({
            .work = [result, devices] { *result = base::device_readers(devices, foreign_readers_max); },
            .done =
                [weak = weak_from_this(), result, devices, began] {
                    if (const auto self = weak.lock()) self->scanned(*result, devices, Clock::now() - began);
                },
            .overdue = [] {},
            .refused =
                [weak = weak_from_this()](const Error&) {
                    if (const auto self = weak.lock()) self->not_scanned();
                },
        });
    }

    /// No worker was free.
    void not_scanned() {
        scanning_ = false;
        schedule(with_jitter(scan_interval));
    }

    void scanned(Found& found, const std::set<dev_t>& devices, Clock::duration took) {
        scanning_ = false;
        last_scan_time_ = took;
        schedule(with_jitter(std::max<Clock::duration>(scan_interval, took * pause_per_scan_time)));
        std::vector<std::size_t> ids;
        for (const auto& [id, entry] : entries_) {
            if (devices.contains(entry.device)) ids.push_back(id);
        }
        for (const std::size_t id : ids) {
            const auto entry = entries_.find(id);
            if (entry == entries_.end()) continue;  // removed by a callback
            const auto& now = found[entry->second.device];
            const bool changed = now != entry->second.known.value_or(std::vector<std::string>{});
            entry->second.known = now;
            const auto callback = entry->second.changed;
            if (changed) callback(now);
        }
    }

    WorkerPool& workers_;
    boost::asio::steady_timer timer_;
    std::map<std::size_t, Entry> entries_;
    std::size_t last_id_ = 0;
    std::optional<Clock::time_point> next_scan_;
    Clock::duration last_scan_time_{};
    bool scanning_ = false;
};

ForeignReaders::ForeignReaders(io::Loop& loop, WorkerPool& workers) : impl_(std::make_shared<Impl>(loop, workers)) {}
ForeignReaders::~ForeignReaders() { impl_->end(); }

ForeignReaders::Registration ForeignReaders::watch(dev_t device, Changed changed) {
    return {this, impl_->add(device, std::move(changed))};
}

ForeignReaders::Registration::Registration(Registration&& other) noexcept
    : readers_(std::exchange(other.readers_, nullptr)), id_(other.id_) {}

ForeignReaders::Registration& ForeignReaders::Registration::operator=(Registration&& other) noexcept {
    if (this != &other) {
        if (readers_ != nullptr) readers_->impl_->remove(id_);
        readers_ = std::exchange(other.readers_, nullptr);
        id_ = other.id_;
    }
    return *this;
}

ForeignReaders::Registration::~Registration() {
    if (readers_ != nullptr) readers_->impl_->remove(id_);
}

}  // namespace vserd::port
