#include "rpc/stream_host.hpp"

#include "rpc/completion_thread.hpp"

namespace vserd::rpc {

void StreamHost::deliver_soon() { poller_->deliver_soon(); }

std::optional<Error> StreamHost::enter(ByteStream& stream) {
    if (refusal_) return refusal_;
    streams_.push_back(stream);
    return std::nullopt;
}

void StreamHost::finish_all(const Error& error) {
    refusal_ = error;
    // finish() never destroys a stream; the completion does.
    for (ByteStream& stream : streams_) stream.finish(error);
}

void StreamHost::stream_made() {
    const std::lock_guard lock(mutex_);
    ++count_;
}

void StreamHost::stream_gone() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) gone_.notify_all();
}

void StreamHost::wait_until_all_gone() {
    std::unique_lock lock(mutex_);
    gone_.wait(lock, [this] { return count_ == 0; });
}

}  // namespace vserd::rpc
