#include "vserctl/lease_scout.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::chrono::seconds scout_interval{2};

int new_eventfd() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    return fd;
}

}  // namespace

LeaseScout::LeaseScout(LookForPorts look)
    : look_(std::move(look)), ready_fd_(new_eventfd()), thread_([this] { look_repeatedly(); }) {}

LeaseScout::~LeaseScout() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    looking_.cancel();
    thread_.join();
    ::close(ready_fd_);
}

std::vector<LeaseCandidate> LeaseScout::take() {
    eventfd_t ignored = 0;
    (void)::eventfd_read(ready_fd_, &ignored);
    const std::lock_guard lock(mutex_);
    return std::exchange(present_, {});
}

void LeaseScout::look_repeatedly() {
    const client::Cancellation::Scope scope(looking_);
    while (wait()) {
        auto found = look_();
        if (!found) continue;  // the next look may find some
        const std::lock_guard lock(mutex_);
        present_ = *std::move(found);
        (void)::eventfd_write(ready_fd_, 1);
    }
}

/// Returns false at the end.
bool LeaseScout::wait() {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, scout_interval, [this] { return stopping_; });
}

}  // namespace vserctl
