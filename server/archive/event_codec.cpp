#include "archive/event_codec.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "archive/index_format.hpp"
#include "base/text.hpp"
#include "log/packed_settings.hpp"

namespace vserd::archive {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t event_text_bytes = 1024;
constexpr std::size_t event_processes_max = 16;
constexpr std::size_t process_text_bytes = 256;
static_assert(4 * event_text_bytes + 128 <= payload_bytes_max &&
              event_processes_max * process_text_bytes + 128 <= payload_bytes_max);

/// The longest prefix that does not split a UTF-8 character.
std::string_view cut_text(std::string_view text, std::size_t bytes_max = event_text_bytes) noexcept {
    if (text.size() <= bytes_max) return text;
    std::size_t size = bytes_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
    return text.substr(0, size);
}

/// Numbers of the kinds in files. They are never reused.
enum class StoredKind : std::uint16_t {
    settings = 1,
    signals,
    line_errors,
    offline,
    online,
    break_sent,
    writer,
    flushed,
    foreign_readers,
    output_held,
    notice
};
static_assert(std::variant_size_v<port::Event> == 11, "another kind of event needs a StoredKind");

struct EventPacker {
    Packer& out;

    Packer& begin(StoredKind kind) const { return out.number(static_cast<std::uint16_t>(kind)); }

    void operator()(const port::SettingsChanged& event) const {
        begin(StoredKind::settings).number(log::packed(event.settings)).number(event.changed_outside);
    }
    void operator()(const port::SignalsChanged& event) const {
        const line::Signals& lines = event.signals;
        std::uint8_t bits = 0;
        unsigned bit = 0;
        for (const bool on : {lines.dtr, lines.rts, lines.cts, lines.dsr, lines.dcd, lines.ri})
            bits = static_cast<std::uint8_t>(bits | unsigned{on} << bit++);
        begin(StoredKind::signals).number(bits);
    }
    void operator()(const port::LineErrorsCounted& event) const {
        const line::LineErrors& errors = event.errors;
        begin(StoredKind::line_errors)
            .number(errors.frame)
            .number(errors.parity)
            .number(errors.overrun)
            .number(errors.breaks);
    }
    void operator()(const port::WentOffline& event) const { begin(StoredKind::offline).text(cut_text(event.reason)); }
    void operator()(const port::CameOnline& event) const {
        begin(StoredKind::online)
            .text(cut_text(event.device))
            .text(cut_text(event.engine_refusals))
            .number(event.taken_over);
    }
    void operator()(const port::BreakSent& event) const {
        begin(StoredKind::break_sent).number(std::int64_t{event.duration.count()});
    }
    void operator()(const port::WriterChanged& event) const {
        begin(StoredKind::writer).number(static_cast<std::uint8_t>(event.change)).number(event.lease);
        out.number(std::int64_t{event.since.time_since_epoch() / 1ns});
        for (const auto* text : {&event.client, &event.via, &event.previous, &event.reason}) out.text(cut_text(*text));
    }
    void operator()(const port::Flushed& event) const {
        begin(StoredKind::flushed).number(static_cast<std::uint8_t>(event.direction)).number(event.bytes);
        out.text(cut_text(event.client));
    }
    void operator()(const port::ForeignReadersFound& event) const {
        const std::size_t count = std::min(event.processes.size(), event_processes_max);
        begin(StoredKind::foreign_readers).number(static_cast<std::uint8_t>(count));
        for (std::size_t i = 0; i < count; ++i) out.text(cut_text(event.processes[i], process_text_bytes));
    }
    void operator()(const port::OutputHeld& event) const { begin(StoredKind::output_held).number(event.held); }
    void operator()(const port::Notice& event) const {
        begin(StoredKind::notice).text(cut_text(event.text)).text(cut_text(event.from));
    }
};

/// Files may have any content, and protobuf rejects text that is not UTF-8.
std::string printable(Unpacker& fields) { return base::printable_text(fields.text()); }

/// The enumerator of that number, or the first one.
template <class Enum>
Enum enumerator(Unpacker& fields, Enum last) {
    const auto value = fields.number<std::uint8_t>();
    return value <= static_cast<std::uint8_t>(last) ? static_cast<Enum>(value) : Enum{};
}

port::SignalsChanged signals_of(Unpacker& fields) {
    const auto bits = fields.number<std::uint8_t>();
    const auto on = [bits](unsigned bit) { return (unsigned{bits} >> bit & 1U) != 0; };
    return {{on(0), on(1), on(2), on(3), on(4), on(5)}};
}

port::SettingsChanged settings_of(Unpacker& fields) {
    const auto settings = log::unpacked(fields.number<std::uint64_t>());
    return {settings.value_or(line::Settings{}), fields.number<std::uint8_t>() != 0};
}

port::LineErrorsCounted line_errors_of(Unpacker& fields) {
    return {{fields.number<std::uint64_t>(), fields.number<std::uint64_t>(), fields.number<std::uint64_t>(),
             fields.number<std::uint64_t>()}};
}

port::CameOnline online_of(Unpacker& fields) {
    return {printable(fields), printable(fields), fields.number<std::uint8_t>() != 0};
}

port::WriterChanged writer_of_record(Unpacker& fields) {
    port::WriterChanged writer;
    writer.change = enumerator(fields, port::LeaseChange::taken_over);
    writer.lease = fields.number<std::uint64_t>();
    writer.since +=
        std::chrono::duration_cast<log::WallTime::duration>(std::chrono::nanoseconds(fields.number<std::int64_t>()));
    for (auto* text : {&writer.client, &writer.via, &writer.previous, &writer.reason}) *text = printable(fields);
    return writer;
}

port::Flushed flushed_of(Unpacker& fields) {
    const auto direction = enumerator(fields, line::FlushDirection::both);
    const auto bytes = fields.number<std::uint64_t>();
    return {direction, bytes, printable(fields)};
}

port::ForeignReadersFound foreign_readers_of(Unpacker& fields) {
    port::ForeignReadersFound found;
    const std::size_t count = std::min<std::size_t>(fields.number<std::uint8_t>(), event_processes_max);
    for (std::size_t i = 0; i < count; ++i) found.processes.push_back(printable(fields));
    return found;
}

port::Notice notice_of_record(Unpacker& fields) {
    std::string text = printable(fields);
    return {std::move(text), printable(fields)};
}

}  // namespace

Bytes packed(const port::Event& event) {
    Packer bytes;
    std::visit(EventPacker{bytes}, event);
    return bytes.take();
}

std::optional<port::Event> unpacked_event(ByteView payload) {
    Unpacker fields(payload);
    switch (static_cast<StoredKind>(fields.number<std::uint16_t>())) {
        case StoredKind::settings: return settings_of(fields);
        case StoredKind::signals: return signals_of(fields);
        case StoredKind::line_errors: return line_errors_of(fields);
        case StoredKind::offline: return port::WentOffline{printable(fields)};
        case StoredKind::online: return online_of(fields);
        case StoredKind::break_sent: return port::BreakSent{std::chrono::milliseconds{fields.number<std::int64_t>()}};
        case StoredKind::writer: return writer_of_record(fields);
        case StoredKind::flushed: return flushed_of(fields);
        case StoredKind::foreign_readers: return foreign_readers_of(fields);
        case StoredKind::output_held: return port::OutputHeld{fields.number<std::uint8_t>() != 0};
        case StoredKind::notice: return notice_of_record(fields);
    }
    return std::nullopt;
}

}  // namespace vserd::archive
