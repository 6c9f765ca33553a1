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

/// Where the byte streams live: what they share, how many there are, and whether there may be more.
class StreamHost {
public:
    /// All outlive the streams.
    StreamHost(Environment& environment, ConsoleService& service, grpc::ServerCompletionQueue& queue,
               std::uint32_t streams_max)
        : environment_(environment), service_(service), queue_(queue), streams_max_(streams_max) {}

    Environment& environment() noexcept { return environment_; }
    ConsoleService& service() noexcept { return service_; }
    grpc::ServerCompletionQueue& queue() noexcept { return queue_; }
    DataCache& data_cache() noexcept { return data_cache_; }
    /// Who polls the queue. It outlives the calls.
    void set_poller(CompletionThread& poller) noexcept { poller_ = &poller; }
    void deliver_soon();  ///< of CompletionThread

    /// Takes a stream whose call began, or says why not. Io thread.
    std::optional<Error> enter(ByteStream& stream);
    void leave(ByteStream& stream) noexcept;  ///< io thread
    /// Ends all streams, and every one that enters from now on. Io thread.
    void finish_all(const Error& error);

    void stream_made();          // any thread
    void stream_gone();          // any thread
    void wait_until_all_gone();  // any thread but the io thread

private:
    using List = boost::intrusive::list<ByteStream, boost::intrusive::constant_time_size<false>>;

    Environment& environment_;
    ConsoleService& service_;
    grpc::ServerCompletionQueue& queue_;
    const std::uint32_t streams_max_;
    CompletionThread* poller_ = nullptr;
    DataCache data_cache_;
    List streams_;
    std::uint32_t streams_count_ = 0;
    std::optional<Error> refusal_;
    std::mutex mutex_;
    std::condition_variable gone_;
    std::size_t count_ = 0;  ///< guarded by mutex_; those that wait for a call included
};

}  // namespace vserd::rpc
