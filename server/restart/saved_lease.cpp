#include "restart/saved_lease.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"

namespace vserd::restart {
namespace {

using log::LeaseRecord;
using log::WallTime;

std::uint64_t check_of(const LeaseRecord& record) noexcept {
    const auto* from = reinterpret_cast<const std::byte*>(&record.turn);
    const auto* to = reinterpret_cast<const std::byte*>(&record + 1);
    return log::hash_of(from, static_cast<std::size_t>(to - from), log::log_version) | 1U;
}

bool is_valid(const LeaseRecord& record) noexcept {
    const std::uint64_t check = record.check.load(std::memory_order_acquire);
    std::size_t bytes = 0;
    for (const std::uint16_t size : record.text_bytes) bytes += size;
    return check != 0 && check == check_of(record) && bytes <= record.text.size();
}

/// Null if neither is valid.
LeaseRecord* newest(log::LogHeader& header) noexcept {
    LeaseRecord* found = nullptr;
    for (LeaseRecord& record : header.leases) {
        if (is_valid(record) && (found == nullptr || record.turn > found->turn)) found = &record;
    }
    return found;
}

std::int64_t ns(WallTime time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

WallTime wall(std::int64_t ns) noexcept {
    return WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{ns})};
}

void write_texts(LeaseRecord& record, const SavedLease::Held& held) noexcept {
    const std::string_view texts[] = {held.identity, held.client, held.via, held.reason};
    std::size_t used = 0;
    for (std::size_t i = 0; i < log::lease_texts; ++i) {
        const std::string_view text = texts[i].substr(0, saved_lease_text_bytes_max - used);
        text.copy(record.text.data() + used, text.size());
        record.text_bytes[i] = static_cast<std::uint16_t>(text.size());
        used += text.size();
    }
}

SavedLease::Held held_of(const LeaseRecord& record) {
    std::size_t used = 0;
    const auto next = [&](std::size_t i) {
        const std::string_view text{record.text.data() + used, record.text_bytes[i]};
        used += text.size();
        return base::printable_text(text);  // the file may have any content
    };
    SavedLease::Held held;
    held.identity = next(0);
    held.client = next(1);
    held.via = next(2);
    held.reason = next(3);
    held.since = wall(record.since_ns);
    held.expires = wall(record.expires_ns);
    held.ttl = std::chrono::milliseconds{record.ttl_ms};
    return held;
}

}  // namespace

void save_lease(log::LogStore& store, const SavedLease& lease) noexcept {
    log::LogHeader& header = store.header();
    const LeaseRecord* const before = newest(header);
    const std::uint64_t turn = before != nullptr ? before->turn + 1 : 1;
    LeaseRecord& record = before == &header.leases[0] ? header.leases[1] : header.leases[0];
    record.check.store(0, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    record.turn = turn;
    record.last_id = lease.last_id;
    record.since_ns = lease.held ? ns(lease.held->since) : 0;
    record.expires_ns = lease.held ? ns(lease.held->expires) : 0;
    record.ttl_ms = lease.held ? static_cast<std::uint64_t>(lease.held->ttl.count()) : 0;
    record.text_bytes = {};
    record.text = {};
    if (lease.held) write_texts(record, *lease.held);
    record.check.store(check_of(record), std::memory_order_release);
}

SavedLease saved_lease(const log::LogStore& store) {
    const LeaseRecord* const record = newest(store.header());
    if (record == nullptr) return {};
    SavedLease lease{record->last_id};
    if (record->ttl_ms != 0) lease.held = held_of(*record);
    return lease;
}

}  // namespace vserd::restart
