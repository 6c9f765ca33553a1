#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <vector>

namespace vserd::rpc {

/// Threads that read from connections when gRPC's own are taken.
///
/// A thread that polls for gRPC 1.51 reads from a connection for as long as more arrives, and meanwhile does nothing else: three
/// clients that never stop sending take all three threads there are, and everybody else waits for seconds. Each of these
/// polls a queue on which nothing ever completes, so that the next connection is read by the next thread. They run at a lower
/// priority than those that answer: a server that cannot keep up reads more slowly instead of piling up calls.
class SparePollers {
public:
    /// Before the server is built.
    explicit SparePollers(grpc::ServerBuilder& builder);
    /// Requires: the server was shut down, or was never built.
    ~SparePollers();
    SparePollers(const SparePollers&) = delete;
    SparePollers& operator=(const SparePollers&) = delete;

    /// After the server was built.
    void start();

private:
    void poll();

    std::unique_ptr<grpc::ServerCompletionQueue> queue_;
    std::vector<std::thread> threads_;
};

}  // namespace vserd::rpc
