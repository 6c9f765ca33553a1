#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "harness/readers.hpp"
#include "harness/tcp.hpp"

namespace vserd::bench {
namespace {

class TcpReaders : public Readers {
public:
    TcpReaders(const Bridge& bridge, const ReadPlan& plan)
        : Readers(plan.lines * plan.readers_per_line), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        stopped_count_ = plan.stopped;
        for (std::size_t i = 0; i < checks_.size(); ++i) {
            sockets_.push_back(tcp_connect(bridge.tcp_port(i % plan.lines)));
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, sockets_.back().get(), &event);
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
                const int fd = sockets_[i].get();
                const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
                if (got > 0) checks_[i].feed({buffer.data(), static_cast<std::size_t>(got)});
                if (got == 0) checks_[i].lost();
                if (got <= 0 || stopped(i)) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
            }
        }
    }

    io::Fd epoll_;
    std::vector<io::Fd> sockets_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace

std::unique_ptr<Readers> tcp_readers(const Bridge& bridge, const ReadPlan& plan) {
    return std::make_unique<TcpReaders>(bridge, plan);
}

}  // namespace vserd::bench
