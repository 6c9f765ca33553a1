#include "vserctl/yielded_device.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::chrono::milliseconds retry_min{100};
constexpr std::chrono::milliseconds retry_max{2000};
constexpr std::chrono::milliseconds release_limit{3000};

}  // namespace

YieldedDevice::YieldedDevice(client::Client client, Request request, std::function<void(const std::string&)> note)
    : client_(std::move(client)),
      request_(std::move(request)),
      note_(std::move(note)),
      stream_(client_.yield(request_.port, request_.reason, request_.client)) {}

client::Result<std::string> YieldedDevice::acquire() {
    auto item = stream_.next();
    if (!item) {
        released_ = true;
        return stream_.error().value_or(client::Error{
            .code = client::Code::unavailable, .message = "the server ended the call", .reason = {}, .metadata = {}});
    }
    thread_ = std::thread([this] { keep(); });
    return std::move(item->path);
}

/// Reads the stream, which has no further item, until it ends.
void YieldedDevice::keep() {
    for (;;) {
        stream_.next();
        {
            const std::lock_guard lock(mutex_);
            if (released_) return;
        }
        note_("the server has ended the call: " + stream_.error().value_or(client::Error{}).message +
              "; asking for the device again");
        if (!ask_again()) return;
    }
}

/// False if it was released.
bool YieldedDevice::ask_again() {
    for (std::chrono::milliseconds delay = retry_min;; delay = std::min(delay * 2, retry_max)) {
        {
            std::unique_lock lock(mutex_);
            if (changed_.wait_for(lock, delay, [this] { return released_; })) return false;
            stream_ = client_.yield(request_.port, request_.reason, request_.client);
        }
        if (stream_.next()) {
            note_("the server has closed the device again");
            return true;
        }
    }
}

void YieldedDevice::release() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(released_, true)) return;
        stream_.cancel();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    wait_until_open();
}

/// So that the next command of a script finds the port online.
void YieldedDevice::wait_until_open() const {
    auto changes = client_.watch({request_.port});
    std::mutex mutex;
    std::condition_variable done;
    bool finished = false;
    std::thread limit([&] {
        std::unique_lock lock(mutex);
        if (!done.wait_for(lock, release_limit, [&] { return finished; })) changes.cancel();
    });
    while (const auto change = changes.next()) {
        if (change->port.state == client::State::online) break;
    }
    {
        const std::lock_guard lock(mutex);
        finished = true;
    }
    done.notify_all();
    limit.join();
}

}  // namespace vserctl
