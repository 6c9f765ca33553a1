#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

namespace vserd::web {

/// Counts the calls whose callbacks may still come, so that nothing that they use is destroyed before. Any thread.
class LiveCalls {
public:
    /// For the callbacks of one call: it lives as long as the result.
    std::shared_ptr<void> enter() {
        const std::lock_guard lock(mutex_);
        ++count_;
        return {this, [](LiveCalls* calls) { calls->leave(); }};
    }
    void wait_until_none() {
        std::unique_lock lock(mutex_);
        none_.wait(lock, [this] { return count_ == 0; });
    }

private:
    void leave() {
        const std::lock_guard lock(mutex_);
        if (--count_ == 0) none_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable none_;
    std::size_t count_ = 0;  ///< guarded by mutex_
};

}  // namespace vserd::web
