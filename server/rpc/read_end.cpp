#include "rpc/read_end.hpp"

#include <algorithm>

#include "rpc/convert.hpp"

namespace vserd::rpc {
namespace {

/// The system's clock may be set while a reader waits for a time.
constexpr std::chrono::seconds recheck_max{10};

}  // namespace

ReadEnd::ReadEnd(const log::ByteLog& log, bool follow)
    : follow_(follow), head_(log.next_offset()), last_event_(log.next_event()) {}

Result<void> ReadEnd::set_until(const v1::EndPoint& until) {
    if (until.end_case() == v1::EndPoint::kOffset) offset_ = until.offset();
    if (until.end_case() == v1::EndPoint::kTime) {
        const auto time = wall_time(until.time(), "until.time");
        if (!time) return time.error();
        time_ = *time;
    }
    if (until.end_case() == v1::EndPoint::kAge) {
        const auto age = age_of(until.age(), "until.age");
        if (!age) return age.error();
        time_ = log::Moment::now().wall - std::min<std::chrono::nanoseconds>(*age, std::chrono::hours{24 * 365 * 100});
    }
    return {};
}

std::uint64_t ReadEnd::bytes_left(std::uint64_t offset) const noexcept {
    if (offset_ <= offset) return 0;
    // Events may follow the last byte; includes() separates old events from new bytes.
    const bool ends_at_head = !follow_ && offset < head_;
    return ends_at_head ? std::min(offset_, head_) - offset : offset_ - offset;
}

bool ReadEnd::includes(const log::Item& item) const {
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        if (!follow_ && data->offset >= head_) return false;
        return !time_ || data->received.wall < *time_;
    }
    if (const auto* event = std::get_if<log::EventItem>(&item)) {
        if (!follow_ && event->number > last_event_) return false;
        return !time_ || event->at.wall < *time_;
    }
    return true;
}

bool ReadEnd::waits_at_head() const { return follow_ && (!time_ || log::Moment::now().wall < *time_); }

std::optional<std::chrono::steady_clock::time_point> ReadEnd::ask_again_at() const {
    if (!follow_ || !time_) return std::nullopt;
    const auto left = std::clamp<std::chrono::nanoseconds>(*time_ - log::Moment::now().wall,
                                                           std::chrono::milliseconds{1}, recheck_max);
    return std::chrono::steady_clock::now() + left;
}

}  // namespace vserd::rpc
