#include "vserctl/json.hpp"

#include <time.h>

#include <array>
#include <cstdio>

#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;

JsonObject& JsonObject::raw(std::string_view key, std::string_view value) {
    if (!fields_.empty()) fields_ += ',';
    fields_.append(json_string(key)).append(":").append(value);
    return *this;
}

JsonObject& JsonObject::field(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }

JsonObject& JsonObject::field(std::string_view key, const std::vector<JsonObject>& values) {
    std::string list;
    for (const auto& value : values) {
        if (!list.empty()) list += ',';
        list += value.text();
    }
    return raw(key, "[" + list + "]");
}

JsonObject& JsonObject::field(std::string_view key, const std::vector<std::string>& values) {
    std::string list;
    for (const auto& value : values) list += (list.empty() ? "" : ",") + json_string(value);
    return raw(key, "[" + list + "]");
}

static void append_json_escape(char32_t c, std::string& out) {
    std::array<char, 16> code{};
    if (c > 0xFFFF) {  // a surrogate pair
        const auto rest = static_cast<unsigned>(c) - 0x10000;
        std::snprintf(code.data(), code.size(), "\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    } else {
        std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
    }
    out += code.data();
}

std::string json_string(std::string_view text) {
    Utf8Stream utf8;
    auto valid = utf8.push(0, text).text;
    if (const auto rest = utf8.flush()) valid += rest->text;

    std::string out = "\"";
    for (std::string_view left = valid; !left.empty();) {
        const auto character = left.substr(0, static_cast<std::size_t>(utf8_length(left)));
        left.remove_prefix(character.size());
        const auto c = utf8_character(character);
        if (c == '"' || c == '\\') {
            out.append("\\").append(character);
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\r') {
            out += "\\r";
        } else if (c == '\t') {
            out += "\\t";
        } else if (is_safe_to_show(c)) {
            out += character;
        } else {
            append_json_escape(c, out);
        }
    }
    return out + '"';
}

std::string base64(std::string_view bytes) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto group = bytes.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            bits = bits << 8 | (j < group.size() ? static_cast<std::uint8_t>(group[j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            out += j <= group.size() ? alphabet[bits >> (18 - 6 * j) & 0x3F] : '=';
        }
    }
    return out;
}

std::string rfc3339(client::Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto whole = static_cast<time_t>(seconds.time_since_epoch().count());
    tm parts{};
    ::gmtime_r(&whole, &parts);
    std::array<char, 64> text{};
    const auto length = ::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text.data() + length, text.size() - length, ".%06lldZ",
                  static_cast<long long>((time - seconds).count() / 1000));
    return text.data();
}

namespace {

template <class Enum, std::size_t N>
const char* name_of(Enum value, const std::array<const char*, N>& names) {
    const auto index = static_cast<std::size_t>(value);
    return names[index < N ? index : 0];
}

constexpr std::array<const char*, 5> kinds{"KIND_UNSPECIFIED", "KIND_VSER", "KIND_TTY", "KIND_SIMULATED",
                                           "KIND_ARCHIVE"};
constexpr std::array<const char*, 3> states{"STATE_UNSPECIFIED", "STATE_ONLINE", "STATE_OFFLINE"};
constexpr std::array<const char*, 6> parities{"PARITY_UNSPECIFIED", "PARITY_NONE", "PARITY_ODD",
                                              "PARITY_EVEN",        "PARITY_MARK", "PARITY_SPACE"};
constexpr std::array<const char*, 4> stop_bits{"STOP_BITS_UNSPECIFIED", "STOP_BITS_1", "STOP_BITS_1_5", "STOP_BITS_2"};
constexpr std::array<const char*, 4> flow_controls{"FLOW_CONTROL_UNSPECIFIED", "FLOW_CONTROL_NONE",
                                                   "FLOW_CONTROL_RTS_CTS", "FLOW_CONTROL_XON_XOFF"};
constexpr std::array<const char*, 4> flush_directions{"FLUSH_DIRECTION_UNSPECIFIED", "FLUSH_DIRECTION_INPUT",
                                                      "FLUSH_DIRECTION_OUTPUT", "FLUSH_DIRECTION_BOTH"};
constexpr std::array<const char*, 5> lease_changes{"LEASE_CHANGE_UNSPECIFIED", "LEASE_CHANGE_ACQUIRED",
                                                   "LEASE_CHANGE_RELEASED", "LEASE_CHANGE_EXPIRED",
                                                   "LEASE_CHANGE_TAKEN_OVER"};

JsonObject to_json(const client::LineErrors& errors) {
    return JsonObject()
        .field("frame", errors.frame)
        .field("parity", errors.parity)
        .field("overrun", errors.overrun)
        .field("breaks", errors.breaks);
}

JsonObject to_json(const client::Capabilities& capabilities) {
    return JsonObject()
        .field("baud", capabilities.baud)
        .field("format", capabilities.format)
        .field("flow_control", capabilities.flow_control)
        .field("modem_signals", capabilities.modem_signals)
        .field("send_break", capabilities.send_break)
        .field("flush", capabilities.flush)
        .field("error_counters", capabilities.error_counters);
}

JsonObject to_json(const client::PortStats& stats) {
    return JsonObject()
        .field("rx_bytes", stats.rx_bytes)
        .field("tx_bytes", stats.tx_bytes)
        .field("gap_bytes", stats.gap_bytes)
        .field("reopens", stats.reopens)
        .field("io_errors", stats.io_errors)
        .field("line_errors", to_json(stats.line_errors))
        .field("tx_queue_bytes", stats.tx_queue_bytes);
}

std::uint64_t milliseconds(std::chrono::nanoseconds duration) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// Adds an event's details to its object.
struct EventFields {
    JsonObject& out;
    void operator()(std::monostate) const {}
    void operator()(const client::SettingsChanged& settings) const {
        out.field("settings", JsonObject()
                                  .field("baud", std::uint64_t{settings.baud})
                                  .field("format", vserctl::to_json(settings.format))
                                  .field("changed_outside", settings.changed_outside));
    }
    void operator()(const client::Signals& signals) const { out.field("signals", vserctl::to_json(signals)); }
    void operator()(const client::LineErrors& errors) const { out.field("line_error", to_json(errors)); }
    void operator()(const client::Offline& offline) const {
        out.field("offline", JsonObject().field("reason", offline.reason));
    }
    void operator()(const client::Online& online) const {
        out.field("online", JsonObject().field("device", online.device));
    }
    void operator()(const client::BreakSent& sent) const {
        out.field("break", JsonObject().field("duration_ms", milliseconds(sent.duration)));
    }
    void operator()(const client::WriterChanged& writer) const {
        out.field("writer", JsonObject()
                                .field("client", writer.client)
                                .field("refused_bytes", writer.refused_bytes)
                                .field("refused_request", writer.refused_request)
                                .field("via", writer.via)
                                .field("reason", writer.reason)
                                .field("previous", writer.previous)
                                .field("change", name_of(writer.change, lease_changes))
                                .field("own", writer.own)
                                .field("needed_role", to_string(writer.needed_role))
                                .field("held_role", to_string(writer.held_role)));
    }
    void operator()(const client::Flushed& flushed) const {
        out.field("flushed", JsonObject()
                                 .field("direction", name_of(flushed.direction, flush_directions))
                                 .field("bytes", flushed.bytes)
                                 .field("client", flushed.client));
    }
    void operator()(const client::ForeignReaders& readers) const {
        out.field("foreign_reader", JsonObject().field("processes", readers.processes));
    }
    void operator()(const client::OutputHeld& held) const { out.field("held", JsonObject().field("held", held.held)); }
    void operator()(const client::Notice& notice) const {
        out.field("notice", JsonObject().field("text", notice.text).field("from", notice.from));
    }
};

struct ItemFields {
    JsonObject& out;
    void operator()(const client::Data&) const {}
    void operator()(const client::Gap& gap) const { out.field("gap", vserctl::to_json(gap)); }
    void operator()(const client::Event& event) const { out.field("event", vserctl::to_json(event)); }
    void operator()(const client::Disconnected& lost) const { out.field("disconnected", vserctl::to_json(lost.error)); }
    void operator()(const client::Reconnected& back) const {
        JsonObject object;
        object.field("offset", back.offset).field("attempts", std::uint64_t{back.attempts});
        object.field("outage_ms", milliseconds(back.outage));
        if (back.tx_bytes_lost) object.field("tx_bytes_lost", *back.tx_bytes_lost);
        out.field("reconnected", object);
    }
    void operator()(const client::LogRestarted& restart) const {
        out.field("log_restarted",
                  JsonObject().field("expected_offset", restart.expected_offset).field("offset", restart.offset));
    }
};

}  // namespace

JsonObject to_json(const client::Format& format) {
    return JsonObject()
        .field("data_bits", std::uint64_t{format.data_bits})
        .field("parity", name_of(format.parity, parities))
        .field("stop_bits", name_of(format.stop_bits, stop_bits))
        .field("flow_control", name_of(format.flow_control, flow_controls));
}

JsonObject to_json(const client::Signals& signals) {
    return JsonObject()
        .field("dtr", signals.dtr)
        .field("rts", signals.rts)
        .field("cts", signals.cts)
        .field("dsr", signals.dsr)
        .field("dcd", signals.dcd)
        .field("ri", signals.ri);
}

JsonObject to_json(const client::Port& port) {
    JsonObject out;
    out.field("name", port.name).field("description", port.description).field("device", port.device);
    out.field("kind", name_of(port.kind, kinds)).field("state", name_of(port.state, states));
    out.field("offline_reason", port.offline_reason).field("baud", std::uint64_t{port.baud});
    out.field("format", to_json(port.format));
    if (port.signals) out.field("signals", to_json(*port.signals));
    if (port.capabilities) out.field("capabilities", to_json(*port.capabilities));
    out.field("engine", port.engine).field("oldest_offset", port.oldest_offset).field("next_offset", port.next_offset);
    out.field("tx_offset", port.tx_offset).field("readers", std::uint64_t{port.readers}).field("log_id", port.log_id);
    out.field("held_by_flow_control", port.held_by_flow_control).field("foreign_readers", port.foreign_readers);
    out.field("role", to_string(port.role));
    JsonObject labels;
    for (const auto& [key, value] : port.labels) labels.field(key, value);
    out.field("labels", labels);
    return out.field("stats", to_json(port.stats));
}

JsonObject to_json(const client::ServerInfo& info) {
    std::vector<JsonObject> refusals;
    for (const auto& refusal : info.refusals) {
        refusals.push_back(JsonObject().field("engine", refusal.engine).field("reason", refusal.reason));
    }
    return JsonObject()
        .field("version", info.version)
        .field("engine", info.engine)
        .field("refusals", refusals)
        .field("uptime_ms", milliseconds(info.uptime))
        .field("ports_up", std::uint64_t{info.ports_up})
        .field("ports_total", std::uint64_t{info.ports_total})
        .field("readers", std::uint64_t{info.readers});
}

JsonObject to_json(const client::Event& event) {
    JsonObject out;
    out.field("number", event.number).field("offset", event.offset).field("time", rfc3339(event.time));
    std::visit(EventFields{out}, event.what);
    return out;
}

JsonObject to_json(const client::Gap& gap) {
    return JsonObject().field("from", gap.from).field("to", gap.to).field("events_lost", gap.events_lost);
}

JsonObject to_json(const client::PortEvent& event) {
    JsonObject out;
    out.field("port", to_json(event.port));
    if (event.event) out.field("event", to_json(*event.event));
    return out.field("events_lost", event.events_lost)
        .field("time", rfc3339(event.time))
        .field("removed", event.removed);
}

JsonObject to_json(const client::Error& error) {
    JsonObject metadata;
    for (const auto& [key, value] : error.metadata) metadata.field(key, value);
    return JsonObject()
        .field("code", client::to_string(error.code))
        .field("message", error.message)
        .field("reason", error.reason)
        .field("metadata", metadata);
}

JsonObject to_json_item(const client::ConsoleItem& item) {
    JsonObject out;
    std::visit(ItemFields{out}, item);
    return out;
}

}  // namespace vserctl
