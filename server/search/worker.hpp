#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace vserd::search {

/// One thread that searches for everybody, a slice at a time, so that a long search delays neither devices nor streams. The
/// slices of all searches take turns.
class Worker {
public:
    Worker() = default;
    ~Worker() { stop(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Runs `slice` on the thread, which starts with the first. The caller has one slice outstanding at most. Returns false if
    /// there is no thread: the system refuses one, or stop() was called. Any thread.
    [[nodiscard]] bool run(std::function<void()> slice);
    /// Drops what waits, and waits for what runs.
    void stop();

private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> slices_;  ///< guarded by mutex_; one for each search at most
    bool stopping_ = false;                     ///< guarded by mutex_
    std::thread thread_;                        ///< guarded by mutex_ until stopping_
};

}  // namespace vserd::search
