#include "port/worker_pool.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread.hpp"

namespace vserd::port {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds end_wait{500};

}  // namespace

/// Shared with the threads, which outlive the pool if a driver hangs. All members are protected by `mutex`.
struct WorkerPool::Shared : std::enable_shared_from_this<Shared> {
    Shared(io::Loop& host, WorkerLimits wanted) : limits(wanted), loop(&host) {}

    struct Entry {
        Job job;
        Clock::time_point since;  ///< when it was queued; once it runs, when it started
        bool slow = false;
        bool overdue = false;
    };

    const WorkerLimits limits;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Entry> queue;
    std::list<Entry> running;
    io::Loop* loop;  // null after the pool is destroyed: no callbacks then
    std::size_t threads = 0;
    std::size_t idle = 0;
    std::size_t slow = 0;  // threads in a slow call
    std::optional<Error> thread_failure;
    std::shared_ptr<WorkerStats> stats = std::make_shared<WorkerStats>();

    /// Whether check() may have work later.
    bool needs_watch() const {
        return !queue.empty() || std::ranges::any_of(running, [](const Entry& entry) { return !entry.overdue; });
    }
    void start_threads();
    void serve();
    void note_slow(Clock::time_point now, std::vector<std::function<void()>>& calls);
    void refuse_late(Clock::time_point now, std::vector<std::function<void()>>& calls);
    Error refusal() const;
};

/// Starts as many threads as there is work for, within the limits.
void WorkerPool::Shared::start_threads() {
    while (idle < queue.size() && threads - slow < limits.threads_max) {
        // Detached, because a thread that hangs in a driver cannot be joined.
        auto thread = base::start_thread([shared = shared_from_this()] { shared->serve(); });
        thread_failure = thread ? std::nullopt : std::optional(thread.error());
        if (!thread) break;
        thread->detach();
        ++threads;
        ++idle;  // it counts as idle until it takes the mutex
        stats->threads.store(static_cast<std::uint32_t>(threads), std::memory_order_relaxed);
    }
}

void WorkerPool::Shared::serve() {
    std::unique_lock lock{mutex};
    while (true) {
        changed.wait(lock, [this] { return loop == nullptr || !queue.empty(); });
        --idle;
        if (loop == nullptr) break;
        running.push_back(std::move(queue.front()));
        queue.pop_front();
        const auto entry = std::prev(running.end());
        entry->since = Clock::now();
        lock.unlock();
        entry->job.work();
        entry->job.work = nullptr;  // destroys its data here, not on the io thread
        lock.lock();
        if (loop != nullptr) loop->post(std::move(entry->job.done));
        if (entry->overdue) stats->hung.fetch_sub(1, std::memory_order_relaxed);
        if (entry->slow) --slow;
        running.erase(entry);
        if (threads - slow > limits.threads_max) break;  // another thread has replaced this one
        ++idle;
    }
    --threads;
    stats->threads.store(static_cast<std::uint32_t>(threads), std::memory_order_relaxed);
    changed.notify_all();
}

/// Marks slow calls, so that other threads can start, and collects the `overdue` callbacks.
void WorkerPool::Shared::note_slow(Clock::time_point now, std::vector<std::function<void()>>& calls) {
    for (Entry& entry : running) {
        const auto taken = now - entry.since;
        if (!entry.slow && taken >= limits.slow_after && slow < limits.slow_max) {
            entry.slow = true;
            ++slow;
        }
        if (entry.overdue || taken < entry.job.limit) continue;
        entry.overdue = true;
        stats->hung.fetch_add(1, std::memory_order_relaxed);
        calls.push_back(std::move(entry.job.overdue));
    }
}

void WorkerPool::Shared::refuse_late(Clock::time_point now, std::vector<std::function<void()>>& calls) {
    std::deque<Entry> kept;
    for (Entry& entry : queue) {
        if (now - entry.since < entry.job.limit) {
            kept.push_back(std::move(entry));
            continue;
        }
        stats->refused.fetch_add(1, std::memory_order_relaxed);
        // Keep the whole job, because `refused` may take back data that `work` owns.
        calls.push_back(
            [job = std::make_shared<Job>(std::move(entry.job)), error = refusal()] { job->refused(error); });
    }
    queue.swap(kept);
}

Error WorkerPool::Shared::refusal() const {
    if (thread_failure) return *thread_failure;
    return {Failure::exhausted, 0, "workers",
            fmt::format("no thread is free for this call to a driver: {} other calls have not returned; see "
                        "vserd_workers_hung",
                        slow)};
}

WorkerPool::WorkerPool(io::Loop& loop, WorkerLimits limits)
    : shared_(std::make_shared<Shared>(loop, limits)), stats_(shared_->stats), timer_(loop.context()) {}

WorkerPool::~WorkerPool() {
    std::deque<Shared::Entry> dropped;  // destroyed without the lock
    std::unique_lock lock{shared_->mutex};
    shared_->loop = nullptr;
    dropped.swap(shared_->queue);
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, end_wait, [this] { return shared_->threads == 0; });
}

void WorkerPool::run(Job job) {
    {
        const std::scoped_lock lock{shared_->mutex};
        shared_->queue.push_back({std::move(job), Clock::now()});
        shared_->start_threads();
        shared_->changed.notify_one();
    }
    if (!watching_) watch();
}

/// Checks the jobs periodically until none are left.
void WorkerPool::watch() {
    watching_ = true;
    timer_.expires_after(shared_->limits.slow_after);
    timer_.async_wait([this, shared = shared_](const boost::system::error_code& error) {
        if (error) return;
        {
            const std::scoped_lock lock{shared->mutex};
            if (shared->loop == nullptr) return;  // the pool is destroyed
        }
        check();
    });
}

void WorkerPool::check() {
    std::vector<std::function<void()>> calls;
    bool more = false;
    {
        const std::scoped_lock lock{shared_->mutex};
        const auto now = Clock::now();
        shared_->note_slow(now, calls);
        shared_->start_threads();
        shared_->refuse_late(now, calls);
        more = shared_->needs_watch();
    }
    watching_ = false;
    if (more) watch();
    for (const auto& call : calls) call();
}

}  // namespace vserd::port
