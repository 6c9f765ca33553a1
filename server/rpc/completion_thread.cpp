#include "rpc/completion_thread.hpp"

#include <pthread.h>

namespace vserd::rpc {

CompletionThread::CompletionThread(grpc::CompletionQueue& queue, io::Loop& loop)
    : queue_(queue), loop_(loop), thread_([this] { poll(); }) {
    ::pthread_setname_np(thread_.native_handle(), "vserd-streams");
}

CompletionThread::~CompletionThread() { join(); }

void CompletionThread::join() {
    if (thread_.joinable()) thread_.join();
}

void CompletionThread::poll() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
        auto* completion = static_cast<Completion*>(tag);
        completion->on_arrival(ok);
        hand_over({completion, ok});
    }
}

void CompletionThread::hand_over(Arrived arrived) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        wake = arrived_.empty();
        arrived_.push_back(arrived);
    }
    if (wake) loop_.post([this] { run_arrived(); });
}

void CompletionThread::run_arrived() {
    {
        const std::lock_guard lock(mutex_);
        running_.swap(arrived_);
    }
    for (const Arrived& arrived : running_) arrived.completion->on_complete(arrived.ok);
    running_.clear();
}

}  // namespace vserd::rpc
