#include "rpc/completion_thread.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace vserd::rpc {
namespace {

/// The number of completions that run before the devices get their turn again.
constexpr std::size_t completions_per_handler_max = 64;

}  // namespace

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
        const bool more = completion->on_arrival(ok);
        hand_over({completion, ok});
        if (more) completion->go_on();
    }
}

void CompletionThread::hand_over(Arrived arrived) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        arrived_.push_back(arrived);
        // Call this with the lock held: after its release, the io thread may run the completion and destroy it.
        wake = arrived.completion->is_urgent() && !std::exchange(delivering_, true);
    }
    if (wake) loop_.post([this] { run_arrived(); });
}

void CompletionThread::deliver_soon() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(delivering_, true)) return;
    }
    loop_.post([this] { run_arrived(); });
}

void CompletionThread::run_arrived() {
    if (ran_ == running_.size()) {
        const std::lock_guard lock(mutex_);
        delivering_ = false;
        running_.clear();
        ran_ = 0;
        running_.swap(arrived_);
    }
    const std::size_t end = std::min(running_.size(), ran_ + completions_per_handler_max);
    while (ran_ < end) {
        const Arrived arrived = running_[ran_++];
        arrived.completion->on_complete(arrived.ok);
    }
    if (ran_ < running_.size()) loop_.post([this] { run_arrived(); });  // after the engine's turn
}

}  // namespace vserd::rpc
