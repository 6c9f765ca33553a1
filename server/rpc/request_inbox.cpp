#include "rpc/request_inbox.hpp"

#include <algorithm>
#include <utility>

namespace vserd::rpc {
namespace {

constexpr std::size_t entries_max = 64;
/// The inbox may exceed this by one request of up to request_payload_bytes_max.
constexpr std::size_t bytes_wanted = std::size_t{64} << 10;

}  // namespace

bool RequestInbox::put(v1::AttachRequest&& request, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ticket_.received(bytes);
    if (!ticket_.grow(bytes)) {
        end_ = End::no_memory;
        return false;
    }
    entries_.push_back({std::move(request), bytes});
    bytes_ += bytes;
    reading_ = has_room();
    return reading_;
}

void RequestInbox::put_end(End end) {
    const std::lock_guard lock(mutex_);
    end_ = end;
}

RequestInbox::Taken RequestInbox::take() {
    const std::lock_guard lock(mutex_);
    Taken taken;
    ticket_.shrink(std::exchange(bytes_taken_, 0));
    if (entries_.empty()) {
        taken.end = end_;
        return taken;
    }
    taken.request = std::move(entries_.front().request);
    bytes_taken_ = entries_.front().bytes;
    bytes_ -= bytes_taken_;
    entries_.pop_front();
    taken.read_on = !reading_ && has_room();
    if (taken.read_on) reading_ = true;
    return taken;
}

std::optional<v1::AttachRequest> RequestInbox::find(const std::function<bool(const v1::AttachRequest&)>& wanted) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return wanted(entry.request); });
    return found == entries_.end() ? std::nullopt : std::optional(found->request);
}

bool RequestInbox::has_room() const noexcept { return entries_.size() < entries_max && bytes_ < bytes_wanted; }

}  // namespace vserd::rpc
