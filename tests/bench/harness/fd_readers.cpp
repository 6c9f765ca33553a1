#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "harness/conserver.hpp"
#include "harness/readers.hpp"

namespace vserd::bench {
namespace {

/// Plain descriptors on one epoll set.
class FdReaders : public Readers {
public:
    /// `quoted`: as conserver quotes.
    FdReaders(std::vector<base::Fd> fds, std::size_t stopped, bool quoted)
        : Readers(fds.size()),
          unquotes_(quoted ? fds.size() : 0),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          fds_(std::move(fds)) {
        stopped_count_ = stopped;
        for (std::size_t i = 0; i < fds_.size(); ++i) {
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fds_[i].get(), &event);
        }
        worker_ = std::make_unique<Worker>([this](const std::atomic<bool>& stop) { run(stop); });
    }

private:
    void run(const std::atomic<bool>& stop) {
        std::vector<std::byte> buffer(pattern_piece_bytes);
        std::array<epoll_event, 64> events;
        while (!stop.load(std::memory_order_relaxed)) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
            for (int e = 0; e < count; ++e) {
                const std::size_t i = events[static_cast<std::size_t>(e)].data.u64;
                const int fd = fds_[i].get();
                const ssize_t got = ::read(fd, buffer.data(), buffer.size());
                if (got > 0) take(i, std::span(buffer).first(static_cast<std::size_t>(got)));
                if (got == 0) checks_[i].lost();
                if (got <= 0 || stopped(i)) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
            }
        }
    }

    void take(std::size_t reader, std::span<std::byte> bytes) {
        checks_[reader].feed(unquotes_.empty() ? bytes : unquotes_[reader].take(bytes));
    }

    std::vector<conserver::Unquote> unquotes_;
    base::Fd epoll_;
    std::vector<base::Fd> fds_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace

std::unique_ptr<Readers> tcp_readers(const Bridge& bridge, const ReadPlan& plan) {
    std::vector<base::Fd> fds;
    for (std::size_t i = 0; i < plan.lines * plan.readers_per_line; ++i) {
        fds.push_back(bridge.connect(i % plan.lines));
    }
    return std::make_unique<FdReaders>(std::move(fds), plan.stopped, bridge.face() == Face::conserver);
}

std::unique_ptr<Readers> direct_readers(const Line& line) {
    std::vector<base::Fd> fds;
    fds.emplace_back(::open(line.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    return std::make_unique<FdReaders>(std::move(fds), 0, false);
}

}  // namespace vserd::bench
