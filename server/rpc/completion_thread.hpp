#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/loop.hpp"
#include "rpc/completion.hpp"

namespace vserd::rpc {

/// The thread that polls the byte streams' completion queue and passes completions to the io thread, in order.
///
/// Completions gather while the io thread is busy; those that are not urgent also wait until it wakes for another reason. So
/// the io thread is woken once for many completions.
class CompletionThread {
public:
    /// The queue and the loop outlive this. The loop must run all posted functions before this is destroyed.
    CompletionThread(grpc::CompletionQueue& queue, io::Loop& loop);
    /// Requires: the queue was shut down. Waits until it is empty.
    ~CompletionThread();
    CompletionThread(const CompletionThread&) = delete;
    CompletionThread& operator=(const CompletionThread&) = delete;

    void join();  ///< requires: the queue was shut down
    /// Wakes the io thread for all completions so far. Any thread.
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
    std::vector<Arrived> arrived_;  ///< guarded by mutex_; bounded by the outstanding operations, a few for each stream
    bool delivering_ = false;       ///< guarded by mutex_; run_arrived() has been posted
    std::vector<Arrived> running_;  ///< io thread only
    std::size_t ran_ = 0;           ///< number of entries of running_ that have run
    std::thread thread_;
};

}  // namespace vserd::rpc
