#include "log/log_events.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "log/packed_settings.hpp"

namespace vserd::log {
namespace {

using namespace std::chrono_literals;

std::uint64_t check_of(const EventRecord& record) noexcept {
    const auto* from = reinterpret_cast<const std::byte*>(&record.number);
    const auto* to = reinterpret_cast<const std::byte*>(&record + 1);
    return hash_of(from, static_cast<std::size_t>(to - from), log_version) | 1U;
}

/// The longest prefix that fits and does not split a UTF-8 character.
std::string_view cut(std::string_view text) noexcept {
    if (text.size() <= event_text_bytes_max) return text;
    std::size_t size = event_text_bytes_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
    return text.substr(0, size);
}

/// The kinds are numbered as in port::Event.
struct RecordWriter {
    EventRecord& record;

    void put(std::string_view text) const {
        text = cut(text);
        text.copy(record.text.data(), text.size());
        record.text_bytes = static_cast<std::uint32_t>(text.size());
    }
    void operator()(const port::SettingsChanged& event) const {
        record.values = {packed(event.settings), event.changed_outside ? 1U : 0U};
    }
    void operator()(const port::SignalsChanged& event) const {
        const line::Signals& lines = event.signals;
        unsigned bit = 0;
        for (const bool on : {lines.dtr, lines.rts, lines.cts, lines.dsr, lines.dcd, lines.ri}) {
            record.values[0] |= std::uint64_t{on} << bit++;
        }
    }
    void operator()(const port::LineErrorsCounted& event) const {
        record.values = {event.errors.frame, event.errors.parity, event.errors.overrun, event.errors.breaks};
    }
    void operator()(const port::WentOffline& event) const { put(event.reason); }
    void operator()(const port::CameOnline& event) const { put(event.device); }
    void operator()(const port::BreakSent& event) const {
        record.values[0] = static_cast<std::uint64_t>(event.duration.count());
    }
    void operator()(const port::WriterChanged& event) const {
        put(event.client + event.via + event.previous + event.reason);
        const std::uint64_t sizes = event.client.size() | event.via.size() << 16U | event.previous.size() << 32U;
        record.values = {event.lease, static_cast<std::uint64_t>(event.since.time_since_epoch() / 1ns), sizes,
                         static_cast<std::uint64_t>(event.change)};
    }
    void operator()(const port::Flushed& event) const {
        record.values = {static_cast<std::uint64_t>(event.direction), event.bytes};
        put(event.client);
    }
    void operator()(const port::ForeignReadersFound& event) const { put(base::joined(event.processes, "\n")); }
    void operator()(const port::OutputHeld& event) const { record.values[0] = event.held ? 1 : 0; }
    void operator()(const port::Notice& event) const {
        put(event.from + event.text);
        record.values = {event.from.size(), record.text_bytes < event.from.size() + event.text.size() ? 1U : 0U};
    }
};

std::vector<std::string> printable_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(base::printable_text(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

port::Notice notice_of(const EventRecord& record) {
    const std::string_view stored{record.text.data(), record.text_bytes};
    const auto from = stored.substr(0, static_cast<std::size_t>(record.values[0]));
    std::string text = base::printable_text(stored.substr(from.size()));
    if (record.values[1] != 0) text += "...";
    return {std::move(text), base::printable_text(from)};
}

port::WriterChanged writer_of(const EventRecord& record) {
    std::string_view stored{record.text.data(), record.text_bytes};
    const auto next = [&stored](std::uint64_t size) {
        const auto part = stored.substr(0, static_cast<std::size_t>(size));
        stored.remove_prefix(part.size());
        return base::printable_text(part);
    };
    port::WriterChanged writer;
    writer.client = next(record.values[2] & 0xFFFFU);
    writer.via = next(record.values[2] >> 16U & 0xFFFFU);
    writer.previous = next(record.values[2] >> 32U & 0xFFFFU);
    writer.reason = next(event_text_bytes_max);
    writer.lease = record.values[0];
    writer.since += std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(record.values[1]));
    writer.change = static_cast<port::LeaseChange>(record.values[3] % 5);
    return writer;
}

port::Event event_of(const EventRecord& record) {
    const auto& values = record.values;
    const auto on = [&values](unsigned bit) { return ((values[0] >> bit) & 1U) != 0; };
    // The file may have any content, and protobuf rejects text that is not UTF-8.
    std::string text = base::printable_text({record.text.data(), record.text_bytes});
    switch (record.kind) {
        case 0: return port::SettingsChanged{unpacked(values[0]).value_or(line::Settings{}), values[1] != 0};
        case 1: return port::SignalsChanged{{on(0), on(1), on(2), on(3), on(4), on(5)}};
        case 2: return port::LineErrorsCounted{{values[0], values[1], values[2], values[3]}};
        case 3: return port::WentOffline{std::move(text)};
        case 4: return port::CameOnline{std::move(text)};
        case 5: return port::BreakSent{std::chrono::milliseconds{static_cast<std::int64_t>(values[0])}};
        case 6: return writer_of(record);
        case 7: return port::Flushed{static_cast<line::FlushDirection>(values[0]), values[1], std::move(text)};
        case 8: return port::ForeignReadersFound{printable_lines({record.text.data(), record.text_bytes})};
        case 9: return port::OutputHeld{values[0] != 0};
        default: return notice_of(record);
    }
}

static_assert(std::variant_size_v<port::Event> == 11, "another kind of event needs its place here, and a log_version");

}  // namespace

void save_event(std::span<EventRecord> ring, const EventItem& event, const SavedTime& time) noexcept {
    const std::uint64_t number = event.number - 1;
    EventRecord& record = ring[number % ring.size()];
    record.check.store(0, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    record.number = number;
    record.offset = event.offset;
    record.time = time;
    record.kind = static_cast<std::uint32_t>(event.event.index());
    record.text_bytes = 0;
    record.values = {};
    record.text = {};
    std::visit(RecordWriter{record}, event.event);
    record.check.store(check_of(record), std::memory_order_release);
}

SavedEvents saved_events(std::span<const EventRecord> ring, const LogClock& clock) {
    std::vector<const EventRecord*> records;
    for (const EventRecord& record : ring) {
        const std::uint64_t check = record.check.load(std::memory_order_acquire);
        const bool whole = check != 0 && check == check_of(record) && record.text_bytes <= record.text.size() &&
                           record.kind < std::variant_size_v<port::Event>;
        if (whole) records.push_back(&record);
    }
    std::sort(records.begin(), records.end(), [](auto* a, auto* b) { return a->number < b->number; });
    SavedEvents saved;
    for (const EventRecord* record : records) {
        const bool is_next = !saved.events.empty() && record->number == saved.first + saved.events.size() &&
                             record->offset >= saved.events.back().offset;
        if (!is_next) {
            saved.first = record->number;
            saved.events.clear();
        }
        saved.events.push_back({record->offset, clock.moment_of(record->time), event_of(*record), record->number + 1});
    }
    return saved;
}

}  // namespace vserd::log
