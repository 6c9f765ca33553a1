#include "net/hand_over.hpp"

#include <pthread.h>

#include <utility>

namespace vserd::net {

HandOver::HandOver(Take take) : take_(std::move(take)) {
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "vserd-hand-over");
}

HandOver::~HandOver() { stop(); }

bool HandOver::full() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size() >= handed_over_max;
}

void HandOver::add(Connection connection) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    waiting_.push_back(std::move(connection));
    changed_.notify_one();
}

void HandOver::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        waiting_.clear();
        changed_.notify_one();
    }
    thread_.join();
}

void HandOver::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        Connection next = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        take_(std::move(next));
        lock.lock();
    }
}

}  // namespace vserd::net
