#include "port/worker_pool.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace vserd::port {
namespace {

constexpr std::chrono::milliseconds end_wait{500};

}  // namespace

/// Everything here is protected by `mutex`. Shared with the threads, which outlive the pool when a driver hangs them.
struct WorkerPool::Shared {
    Shared(io::Loop& host, std::size_t limit) : loop(&host), threads_max(limit) {}

    struct Work {
        std::function<void()> job;
        std::function<void()> done;
    };

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Work> queue;
    io::Loop* loop;  // null once the pool ended: nothing comes back then
    const std::size_t threads_max;
    std::size_t threads = 0;
    std::size_t idle = 0;

    void serve() {
        std::unique_lock lock{mutex};
        while (true) {
            ++idle;
            changed.wait(lock, [this] { return loop == nullptr || !queue.empty(); });
            --idle;
            if (loop == nullptr) break;
            Work work = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            work.job();
            work.job = nullptr;
            lock.lock();
            if (loop != nullptr) loop->post(std::move(work.done));
        }
        --threads;
        changed.notify_all();
    }
};

WorkerPool::WorkerPool(io::Loop& loop, std::size_t threads_max)
    : shared_(std::make_shared<Shared>(loop, threads_max)) {}

WorkerPool::~WorkerPool() {
    std::deque<Shared::Work> dropped;  // destroyed without the lock
    std::unique_lock lock{shared_->mutex};
    shared_->loop = nullptr;
    dropped.swap(shared_->queue);
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, end_wait, [this] { return shared_->threads == 0; });
}

void WorkerPool::run(std::function<void()> job, std::function<void()> done) {
    const std::scoped_lock lock{shared_->mutex};
    shared_->queue.push_back({std::move(job), std::move(done)});
    if (shared_->idle < shared_->queue.size() && shared_->threads < shared_->threads_max) {
        ++shared_->threads;
        // Detached because a hung driver call cannot be joined; the thread shares what it needs.
        std::thread([shared = shared_] { shared->serve(); }).detach();
    } else {
        shared_->changed.notify_one();
    }
}

}  // namespace vserd::port
