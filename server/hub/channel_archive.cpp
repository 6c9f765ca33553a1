// What a channel has to do with the archive: its own, or one that it serves.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "hub/channel.hpp"

namespace vserd::hub {
namespace {

constexpr const char* recorded_from_now_on = "typed bytes are recorded from now on (record_tx)";

}  // namespace

void Channel::archive_to(ArchiveWriter& writer, std::shared_ptr<archive::Recording> recording) {
    feed_ = std::make_shared<ArchiveFeed>(writer, std::move(recording), log_, port_.stats());
    feed_->set_records_sent(port_.config().record_tx);
    feed_->on_written([this] { wake_readers(); });
    feed_->appended();  // what is in memory already
}

std::uint64_t Channel::oldest_offset() const noexcept {
    return std::min(archive_begin_.value_or(log_.oldest_offset()), log_.oldest_offset());
}

void Channel::tell_recording() {
    if (records_tx()) record_event(port::Notice{recorded_from_now_on, "vserd"});
}

/// Everybody who is attached must know.
void Channel::record_tx(bool on) {
    if (!feed_ || feed_->records_sent() == on) return;
    feed_->set_records_sent(on);
    record_event(
        port::Notice{on ? recorded_from_now_on : "typed bytes are not recorded any more (record_tx)", "vserd"});
}

void Channel::serve(archive::Served served, port::WorkerPool& workers, ArchiveErrors& errors) {
    archive_begin_ = served.begin.offset;
    offline_for_good_ = fmt::format("this is the archive in {}, which is served read-only", served.path);
    served_.emplace(ServedArchive{std::move(served), workers, errors});
    port_.stats()->up.store(true, std::memory_order_relaxed);  // there is nothing that should be connected
}

/// What is on disk, behind the memory. Empty: nothing.
std::optional<Channel::Disk> Channel::disk() const {
    if (feed_) return Disk{feed_->path(), feed_->workers(), feed_->errors(), feed_->growth(), feed_->is_writing()};
    if (served_) return Disk{served_->archive.path, served_->workers, served_->errors, 1, false};
    return std::nullopt;
}

Result<void> Channel::check_device() const {
    if (offline_for_good_.empty()) return {};
    return Error{
        Failure::unsupported, 0, "archive",
        fmt::format("port \"{}\" has no device: {}; nothing can be sent to it or changed", name(), offline_for_good_)};
}

void Channel::on_sent(const Sent& sent) {
    if (records_tx()) feed_->sent(sent.tx_offset, sent.bytes, sent.begun);
}

/// Where the archive begins, if the start may lie before what is in memory.
std::optional<Backlog::Start> Channel::archived_start(const StartPoint& start, const log::Cursor& in_memory) const {
    if (!disk() || in_memory.offset > log_.oldest_offset()) return std::nullopt;
    if (std::holds_alternative<StartOldest>(start)) return Backlog::Oldest{};
    if (const auto* since = std::get_if<StartSince>(&start)) return Backlog::Since{since->time};
    if (const auto* age = std::get_if<StartAge>(&start)) {
        return Backlog::Since{std::chrono::system_clock::now() -
                              std::chrono::duration_cast<log::WallTime::duration>(age->age)};
    }
    std::uint64_t offset = in_memory.offset;
    if (const auto* tail = std::get_if<StartTail>(&start)) {
        offset = log_.next_offset() - std::min(tail->bytes, log_.next_offset());
    }
    if (offset >= log_.oldest_offset()) return std::nullopt;
    return Backlog::Offset{offset};
}

std::unique_ptr<Backlog> Channel::make_backlog(std::function<void(const Result<void>&)> ready) {
    const auto archive = disk();
    return std::make_unique<Backlog>(archive->workers, archive->path, std::string(log_.id()), std::move(ready));
}

}  // namespace vserd::hub
