#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/loop.hpp"
#include "rpc/completion.hpp"

namespace vserd::rpc {

/// The one thread that polls the byte streams' completion queue and hands what completed to the io thread, in order.
///
/// Completions gather while the io thread is busy, and those that are not urgent until it wakes anyway, so it is woken once
/// for many of them.
class CompletionThread {
public:
    /// The queue and the loop outlive this. The loop must run what was posted before this ends.
    CompletionThread(grpc::CompletionQueue& queue, io::Loop& loop);
    /// Requires: the queue was shut down. Waits until it is empty.
    ~CompletionThread();
    CompletionThread(const CompletionThread&) = delete;
    CompletionThread& operator=(const CompletionThread&) = delete;

    void join();  ///< requires: the queue was shut down
    /// Wakes the io thread for what arrived so far. Any thread.
    void deliver_soon();

private:
    struct Arrived {
        Completion* completion;
        bool ok;
    };

    void poll();
    void hand_over(Arrived arrived);
    void run_arrived();

    grpc::CompletionQueue& queue_;
    io::Loop& loop_;
    std::mutex mutex_;
    std::vector<Arrived> arrived_;  ///< guarded by mutex_; bounded by the operations outstanding, a few per stream
    bool delivering_ = false;       ///< guarded by mutex_; run_arrived() is posted
    std::vector<Arrived> running_;  ///< io thread only
    std::size_t ran_ = 0;           ///< of running_
    std::thread thread_;
};

}  // namespace vserd::rpc
