#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <vector>

namespace vserd::rpc {

/// Threads that read from connections when gRPC's own threads are busy.
///
/// A polling thread of gRPC 1.51 reads from a connection as long as more data arrives, and does nothing else meanwhile. So three
/// clients that never stop sending would occupy all three threads, and other clients would wait for seconds. Each of these
/// additional threads polls a queue on which nothing ever completes, and so reads another connection. They have a lower priority
/// than the threads that reply: an overloaded server then reads more slowly instead of accumulating calls.
class SparePollers {
public:
    /// Call before the server is built.
    explicit SparePollers(grpc::ServerBuilder& builder);
    /// Requires: the server was shut down, or was never built.
    ~SparePollers();
    SparePollers(const SparePollers&) = delete;
    SparePollers& operator=(const SparePollers&) = delete;

    /// Call after the server was built.
    void start();

private:
    void poll();

    std::unique_ptr<grpc::ServerCompletionQueue> queue_;
    std::vector<std::thread> threads_;
};

}  // namespace vserd::rpc
