#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>

#include "base/lazy_deque.hpp"
#include "net/admission.hpp"
#include "rpc/convert.hpp"

namespace vserd::rpc {

/// Requests of one Attach call that were read ahead while the port is busy with an earlier one. So many small requests need
/// only one wake-up of the io thread. HTTP/2 flow control holds back the rest.
///
/// The queue's thread puts requests in, and the io thread takes them out.
class RequestInbox {
public:
    enum class End { open, ended, invalid, no_memory };
    struct Taken {
        std::optional<v1::AttachRequest> request;  ///< none: no request has arrived, or the end was reached
        End end = End::open;                       ///< why no more requests follow, once all were taken
        bool read_on = false;                      ///< put() had no room; now there is some: start the next read
    };

    /// `ticket` accounts for the bytes of each request until the next one is taken. It outlives this.
    explicit RequestInbox(net::Ticket& ticket) : ticket_(ticket) {}
    RequestInbox() : ticket_(none_) {}  ///< accounts for nothing

    /// Returns whether to start the next read now. If the memory for clients is used up, the inbox ends with no_memory.
    bool put(v1::AttachRequest&& request, std::size_t bytes);
    /// Nothing follows: the client closed its side, or sent an invalid message.
    void put_end(End end);
    Taken take();
    /// A copy of the first request for which `wanted` returns true. The request stays in the inbox.
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
    std::size_t bytes_taken_ = 0;  ///< size of the request that was taken last
    base::LazyDeque<Entry, 4> entries_;
    std::size_t bytes_ = 0;
    bool reading_ = true;
    End end_ = End::open;
};

}  // namespace vserd::rpc
