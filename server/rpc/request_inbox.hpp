#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "net/admission.hpp"
#include "rpc/convert.hpp"

namespace vserd::rpc {

/// Requests of one Attach call that were read ahead of the one which the port is busy with: many small ones then need one
/// wake-up of the io thread, and what is not read ahead waits in HTTP/2's flow control.
///
/// The queue's thread puts, the io thread takes.
class RequestInbox {
public:
    enum class End { open, ended, invalid, no_memory };
    struct Taken {
        std::optional<v1::AttachRequest> request;  ///< none: nothing has come, or the end was reached
        End end = End::open;                       ///< of a client's requests, once all were taken
        bool read_on = false;                      ///< put() had no room and said so; now there is: start the next read
    };

    /// `ticket` accounts for the bytes of the requests that were put, until the one after them is taken. It outlives this.
    explicit RequestInbox(net::Ticket& ticket) : ticket_(ticket) {}
    RequestInbox() : ticket_(none_) {}  ///< accounts for nothing

    /// Whether to start the next read at once. Beyond the memory for clients the inbox ends with no_memory.
    bool put(v1::AttachRequest&& request, std::size_t bytes);
    /// Nothing follows: the client closed its side or sent what is no request.
    void put_end(End end);
    Taken take();
    /// A copy of the first request that `wanted` likes; it stays at its place.
    std::optional<v1::AttachRequest> find(const std::function<bool(const v1::AttachRequest&)>& wanted);

private:
    struct Entry {
        v1::AttachRequest request;
        std::size_t bytes;
    };

    bool has_room() const noexcept;

    std::mutex mutex_;
    net::Ticket none_;
    net::Ticket& ticket_;          ///< guarded by mutex_
    std::size_t bytes_taken_ = 0;  ///< of the request that was taken last
    std::deque<Entry> entries_;
    std::size_t bytes_ = 0;
    bool reading_ = true;
    End end_ = End::open;
};

}  // namespace vserd::rpc
