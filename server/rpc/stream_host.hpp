#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "rpc/byte_stream.hpp"
#include "rpc/data_cache.hpp"

namespace vserd::rpc {

class CompletionThread;
class ConsoleService;

/// Holds what the byte streams share, and waits for the last one to end.
class StreamHost {
public:
    /// All outlive the streams.
    StreamHost(Environment& environment, ConsoleService& service, grpc::ServerCompletionQueue& queue)
        : environment_(environment), service_(service), queue_(queue) {}

    Environment& environment() noexcept { return environment_; }
    ConsoleService& service() noexcept { return service_; }
    grpc::ServerCompletionQueue& queue() noexcept { return queue_; }
    DataCache& data_cache() noexcept { return data_cache_; }
    /// Sets the thread that polls the queue. It outlives the calls.
    void set_poller(CompletionThread& poller) noexcept { poller_ = &poller; }
    void deliver_soon();  ///< as CompletionThread::deliver_soon()

    /// Adds a stream whose call has begun, or returns why it was rejected. Io thread.
    std::optional<Error> enter(ByteStream& stream);
    /// Ends all streams, and all that are added from now on. Io thread.
    void finish_all(const Error& error);

    void stream_made();          // any thread
    void stream_gone();          // any thread
    void wait_until_all_gone();  // any thread but the io thread

private:
    using List = boost::intrusive::list<ByteStream, boost::intrusive::constant_time_size<false>>;

    Environment& environment_;
    ConsoleService& service_;
    grpc::ServerCompletionQueue& queue_;
    CompletionThread* poller_ = nullptr;
    DataCache data_cache_;
    List streams_;
    std::optional<Error> refusal_;
    std::mutex mutex_;
    std::condition_variable gone_;
    std::size_t count_ = 0;  ///< guarded by mutex_; includes streams that wait for a call
};

}  // namespace vserd::rpc
