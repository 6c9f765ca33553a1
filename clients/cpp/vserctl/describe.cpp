#include "vserctl/describe.hpp"

#include <fmt/core.h>

#include <array>

#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

/// " (reason)".
std::string in_parentheses(const std::string& reason) {
    return reason.empty() ? std::string() : fmt::format(" ({})", printable(reason));
}

/// Nobody holds the port now.
std::string describe_free(const client::WriterChanged& writer) {
    if (writer.refused_bytes != 0)
        return fmt::format("your lease has ended; {} bytes were not sent", writer.refused_bytes);
    if (!writer.refused_request.empty())
        return fmt::format("your lease has ended; {} was rejected", printable(writer.refused_request));
    if (writer.change == client::LeaseChange::expired)
        return fmt::format("the lease of {} has expired; everybody may write", printable(writer.previous));
    return "exclusive access released";
}

struct Sentence {
    std::string operator()(std::monostate) const { return "an event that this version of vserctl does not know"; }
    std::string operator()(const client::SettingsChanged& settings) const {
        const auto* what = settings.changed_outside ? "another program changed the line:" : "the line is now at";
        return fmt::format("{} {} {}", what, settings.baud, to_string(settings.format));
    }
    std::string operator()(const client::Signals& signals) const { return "modem lines: " + describe(signals); }
    std::string operator()(const client::LineErrors& errors) const {
        return fmt::format("line errors: {} frame, {} parity, {} overrun, {} breaks", errors.frame, errors.parity,
                           errors.overrun, errors.breaks);
    }
    std::string operator()(const client::Offline& offline) const {
        return "the device is disconnected: " + printable(offline.reason);
    }
    std::string operator()(const client::Online& online) const {
        return "the device is connected: " + printable(online.device);
    }
    std::string operator()(const client::BreakSent& sent) const {
        return fmt::format("break of {} sent", human_duration(sent.duration));
    }
    std::string operator()(const client::WriterChanged& writer) const {
        if (writer.needed_role != client::Role::unspecified) {
            return fmt::format("{} was rejected: it needs the role {}, and you have {}",
                               printable(writer.refused_request), to_string(writer.needed_role),
                               to_string(writer.held_role));
        }
        if (writer.client.empty()) return describe_free(writer);
        if (writer.own) return "you hold the port; nobody else may write";
        const auto holder = printable(writer.client) + in_parentheses(writer.reason);
        if (!writer.refused_request.empty())
            return fmt::format("{} holds the port; {} was rejected", holder, printable(writer.refused_request));
        if (writer.refused_bytes != 0)
            return fmt::format("{} holds the port; {} bytes of yours were not sent", holder, writer.refused_bytes);
        if (writer.change == client::LeaseChange::taken_over)
            return fmt::format("{} took over the port from {}; nobody else may write", holder,
                               printable(writer.previous));
        return fmt::format("{} holds the port; nobody else may write", holder);
    }
    std::string operator()(const client::Flushed& flushed) const {
        return fmt::format("{} bytes were discarded before they were sent: flushed by {}", flushed.bytes,
                           printable(flushed.client));
    }
    std::string operator()(const client::ForeignReaders& readers) const {
        if (readers.processes.empty()) return "no other process reads the device";
        return describe_readers(readers.processes);
    }
    std::string operator()(const client::OutputHeld& held) const {
        return held.held ? "flow control holds the output: the device accepts no bytes"
                         : "flow control released the output";
    }
    std::string operator()(const client::Notice& notice) const {
        return fmt::format("notice from {}: {}", printable(notice.from), printable(notice.text));
    }
};

}  // namespace

std::string describe(const client::Event& event) { return std::visit(Sentence{}, event.what); }

std::string describe_readers(const std::vector<std::string>& processes) {
    std::string names;
    for (const auto& process : processes) names += (names.empty() ? "" : ", ") + printable(process);
    return fmt::format("the device is also open in {}, which may read some of its bytes", names);
}

std::string describe_labels(const std::map<std::string, std::string>& labels) {
    std::string text;
    for (const auto& [key, value] : labels) text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
    return printable(text);
}

std::string describe(const client::Gap& gap) {
    std::string text;
    if (gap.to > gap.from)
        text = fmt::format("{} bytes are lost (offsets {} to {})", gap.to - gap.from, gap.from, gap.to);
    if (gap.events_lost > 0) text += fmt::format("{}{} events are lost", text.empty() ? "" : "; ", gap.events_lost);
    return text;
}

std::string describe(const client::Disconnected& lost) {
    return fmt::format("connection lost: {}; reconnecting", printable(lost.error.message));
}

std::string describe(const client::Reconnected& back) {
    auto text = fmt::format("reconnected after {}, resuming at offset {}", human_duration(back.outage), back.offset);
    if (back.tx_bytes_lost.value_or(0) > 0)
        text += fmt::format("; {} bytes that were sent before did not reach the server", *back.tx_bytes_lost);
    return text;
}

std::string describe(const client::LogRestarted& restart) {
    return fmt::format(
        "the server started a new log: the old one after offset {} is lost; showing the new one from offset {}",
        restart.expected_offset, restart.offset);
}

std::string describe(const client::Signals& signals) {
    std::string out;
    const auto line = [&out](const char* name, bool on) {
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, on ? "on" : "off");
    };
    line("dtr", signals.dtr);
    line("rts", signals.rts);
    line("cts", signals.cts);
    line("dsr", signals.dsr);
    line("dcd", signals.dcd);
    line("ri", signals.ri);
    return out;
}

std::string human_bytes(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < units.size(); ++unit) value /= 1000;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string human_duration(std::chrono::nanoseconds duration) {
    const auto seconds = std::chrono::duration<double>(duration).count();
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    if (seconds < 1)
        return fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
    if (whole < 10) return fmt::format("{:.1f} s", seconds);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
    return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

}  // namespace vserctl
