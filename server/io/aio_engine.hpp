#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "io/engine.hpp"
#include "io/epoll_set.hpp"
#include "io/slot_table.hpp"
#include "io/transfer.hpp"

namespace vserd::io {

/// POSIX AIO: helper threads of the C library read and write, and a signal reports that a request has completed.
///
/// The descriptors are non-blocking, so aio_read fails with EAGAIN instead of waiting; an epoll set reports when to submit.
/// One lio_listio submits the requests of one drain(). No request waits for its device, so cancel is prompt, a read does not
/// delay a write on the same descriptor, and four threads serve any number of ports.
class AioEngine final : public Engine {
public:
    static Result<std::unique_ptr<Engine>> create();
    ~AioEngine() override;  ///< waits for the threads, which use the callers' buffers

    std::string_view name() const noexcept override { return "aio"; }
    int wait_fd() const noexcept override { return set_.fd(); }
    Result<Slot> attach(int fd) override;
    void detach(Slot slot) noexcept override;
    void start(Operation& op) noexcept override;
    void cancel(Operation& op) noexcept override;
    void retry(Slot slot) noexcept override;
    std::size_t drain() noexcept override;
    bool pending() const noexcept override { return !done_.empty() || !queued_.empty() || set_.has_more(); }

    /// Requests that the threads have not completed, or whose completion drain() has not seen.
    std::size_t requests_under_way() const noexcept { return moving_.size(); }

private:
    struct Request;
    struct Entry {
        int fd = -1;
        std::uint32_t generation = 0;
        std::array<std::unique_ptr<Request>, 2> requests;  // by OperationKind; threads keep pointers to them
        bool stream = false;                               // a short read means that no bytes are left
        bool hung_up = false;                              // POLLHUP was in the last report
        int unwatchable_errno = 0;                         // the set cannot watch it for writing
    };

    AioEngine(EpollSet set, base::Fd signals) noexcept;

    EpollSet::Key key_of(Slot slot) const noexcept { return EpollSet::Key{entries_[slot].generation} << 32 | slot; }
    Request& request_of(const Operation& op) noexcept;
    void queue(Request& request) noexcept;
    void wake(Request& request) noexcept;
    void became_ready(EpollSet::Key key, unsigned poll_events) noexcept;
    void collect() noexcept;
    bool take_result(Request& request) noexcept;
    void complete_or_wait(Request& request, Transfer moved) noexcept;
    void wait_for_device(Request& request) noexcept;
    void set_done(Request& request, ssize_t result) noexcept;
    void submit() noexcept;
    void prepare(Request& request) noexcept;

    EpollSet set_;
    base::Fd signals_;
    SlotTable<Entry> entries_;
    std::deque<Request*> queued_;  // for the next submit()
    std::vector<Request*> moving_;
    std::deque<Request*> done_;  // for the next drain() to complete
};

}  // namespace vserd::io
