#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "io/engine.hpp"

namespace vserd::io {

/// One edge-triggered epoll set for an engine. It always watches for readability. It watches for writability only while a
/// write waits, because otherwise every byte that the other end of a pty reads would wake the loop.
class EpollSet {
public:
    /// Names one watched descriptor; the low 32 bits are its slot.
    using Key = std::uint64_t;

    static Result<EpollSet> create();

    int fd() const noexcept { return epoll_.get(); }
    /// Adds a descriptor that makes the set readable and that collect() does not report.
    Result<void> add_silent(int fd) noexcept;
    Result<void> add(Key key, int fd);
    void remove(int fd) noexcept;
    /// Watches for writability once. Returns 0, or the errno if the kernel cannot watch the descriptor.
    int wait_for_room(Key key) noexcept;

    /// Calls `ready(key, poll events)` for each report of the kernel, without blocking.
    template <class Ready>
    void collect(const Ready& ready) noexcept {
        const int count = fetch();
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            if (event.data.u64 == silent) continue;
            stop_unused_watch(event);
            ready(event.data.u64, event.events);
        }
    }
    /// Whether the kernel may have reports that the last collect() did not fetch.
    bool has_more() const noexcept { return more_; }

private:
    static constexpr Key silent = ~Key{0};

    struct Watch {
        int fd = -1;
        bool writable = false;       // EPOLLOUT is watched
        bool write_waiting = false;  // since the last report
    };

    explicit EpollSet(base::Fd epoll) noexcept : epoll_(std::move(epoll)) {}
    Watch& watch_of(Key key) noexcept { return watches_[static_cast<Slot>(key)]; }
    int fetch() noexcept;
    void stop_unused_watch(const epoll_event& event) noexcept;
    int watch_writable(Key key, bool on) noexcept;

    base::Fd epoll_;
    std::vector<Watch> watches_;  // by slot
    std::array<epoll_event, 256> events_{};
    bool more_ = false;
};

}  // namespace vserd::io
