#include "rpc/spare_pollers.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/thread.hpp"

namespace vserd::rpc {
namespace {

/// How many connections may send endlessly at the same time. A waiting thread costs its stack but no time.
constexpr std::size_t threads_count = 16;
/// Gives these threads a third of the processor share of the other threads (setpriority(2)).
constexpr int niceness = 5;

}  // namespace

SparePollers::SparePollers(grpc::ServerBuilder& builder) : queue_(builder.AddCompletionQueue()) {}

SparePollers::~SparePollers() {
    queue_->Shutdown();
    for (std::thread& thread : threads_) thread.join();
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) continue;
}

void SparePollers::start() {
    while (threads_.size() < threads_count) {
        auto thread = base::start_thread([this] { poll(); });
        if (!thread) return;  // fewer threads work too
        threads_.push_back(std::move(*thread));
    }
}

void SparePollers::poll() {
    ::pthread_setname_np(::pthread_self(), "vserd-poll");
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) continue;
}

}  // namespace vserd::rpc
