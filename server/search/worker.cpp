#include "search/worker.hpp"

#include <pthread.h>

#include <utility>

#include "base/thread.hpp"

namespace vserd::search {

bool Worker::run(std::function<void()> slice) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (!thread_.joinable()) {
        auto started = base::start_thread([this] { work(); });
        if (!started) return false;
        thread_ = std::move(*started);
        ::pthread_setname_np(thread_.native_handle(), "vserd-search");
    }
    slices_.push_back(std::move(slice));
    changed_.notify_one();
    return true;
}

void Worker::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        slices_.clear();
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Worker::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !slices_.empty(); });
        if (stopping_) return;
        auto slice = std::move(slices_.front());
        slices_.pop_front();
        lock.unlock();
        slice();
        slice = nullptr;  // without the lock: it may release blocks of a log
        lock.lock();
    }
}

}  // namespace vserd::search
