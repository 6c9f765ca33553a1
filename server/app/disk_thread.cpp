#include "app/disk_thread.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/thread.hpp"

namespace vserd {
namespace {

constexpr std::chrono::milliseconds end_wait{2000};

}  // namespace

struct DiskThread::Shared {
    explicit Shared(io::Loop& host) : loop(&host) {}

    struct Work {
        std::function<void()> work;
        std::function<void()> done;
    };

    std::mutex mutex;  // guards all members
    std::condition_variable changed;
    std::deque<Work> queue;
    io::Loop* loop;  // null when the owner is gone: then `done` is not called
    bool ending = false;
    bool ended = false;

    void serve() {
        std::unique_lock lock{mutex};
        while (true) {
            changed.wait(lock, [this] { return ending || !queue.empty(); });
            if (queue.empty()) break;
            Work next = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            next.work();
            next.work = nullptr;
            lock.lock();
            if (loop != nullptr) loop->post(std::move(next.done));
        }
        ended = true;
        changed.notify_all();
    }
};

Result<std::unique_ptr<DiskThread>> DiskThread::start(io::Loop& loop) {
    auto shared = std::make_shared<Shared>(loop);
    auto thread = base::start_thread([shared] { shared->serve(); });
    if (!thread) return thread.error();
    thread->detach();  // a disk that hangs cannot be joined
    return std::unique_ptr<DiskThread>(new DiskThread(std::move(shared)));
}

DiskThread::~DiskThread() {
    std::unique_lock lock{shared_->mutex};
    shared_->loop = nullptr;
    shared_->ending = true;
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, end_wait, [this] { return shared_->ended; });
}

void DiskThread::run(std::function<void()> work, std::function<void()> done) {
    const std::scoped_lock lock{shared_->mutex};
    shared_->queue.push_back({std::move(work), std::move(done)});
    shared_->changed.notify_all();
}

}  // namespace vserd
