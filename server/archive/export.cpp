#include "archive/export.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <variant>

#include "archive/archive_reader.hpp"
#include "archive/check.hpp"
#include "archive/names.hpp"
#include "base/text.hpp"

namespace vserd::archive {
namespace {

constexpr std::size_t batch_bytes = std::size_t{256} << 10U;

std::string lease_text(const port::WriterChanged& change) {
    const char* const what = change.client.empty() ? "free" : "held";
    std::string text = what;
    for (const auto& [name, value] : {std::pair{" by ", &change.client}, std::pair{" via ", &change.via},
                                      std::pair{", before by ", &change.previous}, std::pair{": ", &change.reason}})
        if (!value->empty()) text += name + *value;
    return text;
}

/// An event of the port as one of a capture.
struct Described {
    capture::Event& to;

    void operator()(const port::SettingsChanged& event) const {
        to.name = "settings";
        to.settings = event.settings;
        if (event.changed_outside) to.text = "by another program";
    }
    void operator()(const port::SignalsChanged& event) const {
        to.name = "signals";
        to.signals = event.signals;
    }
    void operator()(const port::LineErrorsCounted& event) const {
        to.name = "line_errors";
        to.errors = event.errors;
    }
    void operator()(const port::WentOffline& event) const { text("offline", event.reason); }
    void operator()(const port::CameOnline& event) const { text("online", event.device); }
    void operator()(const port::BreakSent& event) const { text("break", fmt::format("{} ms", event.duration.count())); }
    void operator()(const port::WriterChanged& event) const { text("writer", lease_text(event)); }
    void operator()(const port::Flushed& event) const {
        text("flushed", fmt::format("{} bytes were discarded, for {}", event.bytes, event.client));
    }
    void operator()(const port::ForeignReadersFound& event) const {
        text("foreign_readers", base::joined(event.processes, ", "));
    }
    void operator()(const port::OutputHeld& event) const { text("output_held", event.held ? "held" : "released"); }
    void operator()(const port::Notice& event) const { text("notice", event.text + " (" + event.from + ")"); }

private:
    void text(const char* name, std::string what) const {
        to.name = name;
        to.text = std::move(what);
    }
};

/// One direction of the port, record by record.
class Source {
public:
    Source(const std::string& directory, capture::Direction direction) : reader_(directory), direction_(direction) {}

    Result<void> begin(const ExportRange& range) {
        until_ = range.until;
        const auto at = range.since ? reader_.at_time(*range.since) : reader_.oldest();
        if (!at) return at.error();
        cursor_ = *at;
        return advance();
    }
    const std::optional<capture::Record>& next() const noexcept { return next_; }
    Result<void> advance() {
        next_.reset();
        while (item_ == batch_.items.size()) {
            if (batch_.at_end) return {};
            if (auto read = reader_.read(cursor_, batch_bytes, batch_); !read) return read;
            item_ = 0;
        }
        next_ = to_record(batch_.items[item_++]);
        if (until_ && next_->time > capture::Time(*until_)) next_.reset();
        return {};
    }

private:
    capture::Record to_record(const ArchivedItem& item) {
        if (const auto time = time_of(item)) time_ = *time;
        if (const auto* data = std::get_if<ArchivedData>(&item)) {
            const ByteView bytes = batch_.of(*data);
            return {*time_, capture::Data{direction_, data->offset, {bytes.begin(), bytes.end()}}};
        }
        if (const auto* event = std::get_if<log::EventItem>(&item)) {
            capture::Event described{event->offset, {}, {}};
            std::visit(Described{described}, event->event);
            return {*time_, std::move(described)};
        }
        const auto& gap = std::get<ArchivedGap>(item);
        return {gap_time(), capture::Gap{direction_, gap.gap.from, gap.gap.to, gap.reason}};
    }

    static std::optional<log::WallTime> time_of(const ArchivedItem& item) {
        if (const auto* data = std::get_if<ArchivedData>(&item)) return data->received;
        const auto* event = std::get_if<log::EventItem>(&item);
        return event != nullptr ? std::optional(event->at.wall) : std::nullopt;
    }

    /// That of the record before it, or of the first one after it.
    capture::Time gap_time() const {
        for (std::size_t i = item_; !time_ && i < batch_.items.size(); ++i)
            if (const auto time = time_of(batch_.items[i])) return *time;
        return time_.value_or(log::WallTime{});
    }

    ArchiveReader reader_;
    capture::Direction direction_;
    std::optional<log::WallTime> until_;
    log::Cursor cursor_;
    ReadBatch batch_;
    std::size_t item_ = 0;
    std::optional<log::WallTime> time_;  ///< of the record before
    std::optional<capture::Record> next_;
};

/// Of the two next records the one that comes first. The clock may have been set back, so the latest time so far counts. What
/// was sent comes before what was received at the same time: the times of bytes that were received together are of the last.
class Merge {
public:
    Merge(Source& received, Source& sent) : received_(received), sent_(sent) {}

    /// Null at the end.
    Source* first() {
        if (received_.next()) received_time_ = std::max(received_time_, received_.next()->time);
        if (sent_.next()) sent_time_ = std::max(sent_time_, sent_.next()->time);
        if (!sent_.next()) return received_.next() ? &received_ : nullptr;
        return received_.next() && received_time_ < sent_time_ ? &received_ : &sent_;
    }

private:
    Source& received_;
    Source& sent_;
    capture::Time received_time_ = capture::Time::min();
    capture::Time sent_time_ = capture::Time::min();
};

Result<capture::Header> header_of(const std::string& port_directory) {
    const auto stat = stat_port(port_directory);
    if (!stat) return stat.error();
    if (stat->segments == 0)
        return Error{Failure::not_found, 0, port_directory,
                     port_directory + ": no port's archive is here: name the directory of one port in an archive"};
    return capture::Header{stat->port, stat->log_ids.back()};
}

}  // namespace

Result<capture::End> export_port(const std::string& port_directory, const ExportRange& range,
                                 const capture::CaptureWriter::Put& put) {
    const auto header = header_of(port_directory);
    if (!header) return header.error();
    capture::CaptureWriter writer(put);
    if (auto begun = writer.begin(*header); !begun) return begun.error();
    Source received(port_directory, capture::Direction::rx);
    Source sent(sent_path(port_directory), capture::Direction::tx);
    for (Source* source : {&received, &sent})
        if (auto begun = source->begin(range); !begun) return begun.error();
    Merge merge(received, sent);
    while (Source* const source = merge.first()) {
        if (auto added = writer.add(*source->next()); !added) return added.error();
        if (auto advanced = source->advance(); !advanced) return advanced.error();
    }
    if (auto ended = writer.end(); !ended) return ended.error();
    return writer.counts();
}

}  // namespace vserd::archive
