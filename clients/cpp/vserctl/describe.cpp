#include "vserctl/describe.hpp"

#include <array>
#include <cstdio>

#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

std::string with_one_decimal(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

struct Sentence {
    std::string operator()(std::monostate) const { return "something that this vserctl is too old to know"; }
    std::string operator()(const client::SettingsChanged& settings) const {
        return (settings.changed_outside ? "another program changed the line: " : "the line is now at ") +
               std::to_string(settings.baud) + " " + to_string(settings.format);
    }
    std::string operator()(const client::Signals& signals) const { return "wires: " + describe(signals); }
    std::string operator()(const client::LineErrors& errors) const {
        return "line errors: " + std::to_string(errors.frame) + " frame, " + std::to_string(errors.parity) +
               " parity, " + std::to_string(errors.overrun) + " overrun, " + std::to_string(errors.breaks) + " breaks";
    }
    std::string operator()(const client::Offline& offline) const {
        return "the device is away: " + printable(offline.reason);
    }
    std::string operator()(const client::Online& online) const {
        return "the device is there: " + printable(online.device);
    }
    std::string operator()(const client::BreakSent& sent) const {
        return "break of " + human_duration(sent.duration) + " sent";
    }
    std::string operator()(const client::WriterChanged& writer) const {
        if (writer.client.empty()) return "everybody may write";
        const auto holder = printable(writer.client) + " holds the port; ";
        if (!writer.refused_request.empty()) return holder + printable(writer.refused_request) + " was refused";
        if (writer.refused_bytes == 0) return holder + "nobody else may write";
        return holder + std::to_string(writer.refused_bytes) + " bytes of yours were not sent";
    }
    std::string operator()(const client::Flushed& flushed) const {
        return std::to_string(flushed.bytes) + " bytes were discarded before they were sent: flushed by " +
               printable(flushed.client);
    }
    std::string operator()(const client::ForeignReaders& readers) const {
        if (readers.processes.empty()) return "no other process reads the device";
        return describe_readers(readers.processes);
    }
    std::string operator()(const client::OutputHeld& held) const {
        return held.held ? "flow control holds the output: the device accepts no bytes" : "the output continues";
    }
};

}  // namespace

std::string describe(const client::Event& event) { return std::visit(Sentence{}, event.what); }

std::string describe_readers(const std::vector<std::string>& processes) {
    std::string names;
    for (const auto& process : processes) names += (names.empty() ? "" : ", ") + printable(process);
    return "also open in " + names + ", which may take bytes that the device sends";
}

std::string describe(const client::Gap& gap) {
    auto text = gap.to > gap.from ? std::to_string(gap.to - gap.from) + " bytes are lost (offsets " +
                                        std::to_string(gap.from) + " to " + std::to_string(gap.to) + ")"
                                  : std::string();
    if (gap.events_lost > 0) text += (text.empty() ? "" : "; ") + std::to_string(gap.events_lost) + " events are lost";
    return text;
}

std::string describe(const client::Disconnected& lost) {
    return "connection lost: " + printable(lost.error.message) + "; trying to get it back";
}

std::string describe(const client::Reconnected& back) {
    auto text = "back after " + human_duration(back.outage) + ", going on at offset " + std::to_string(back.offset);
    if (back.tx_bytes_lost.value_or(0) > 0)
        text += "; " + std::to_string(*back.tx_bytes_lost) + " bytes sent before did not arrive";
    return text;
}

std::string describe(const client::LogRestarted& restart) {
    return "the server's log began anew: what it had after offset " + std::to_string(restart.expected_offset) +
           " is lost; showing the new one from offset " + std::to_string(restart.offset);
}

std::string describe(const client::Signals& signals) {
    std::string out;
    const auto wire = [&out](const char* name, bool on) {
        out += std::string(out.empty() ? "" : ", ") + name + (on ? " on" : " off");
    };
    wire("dtr", signals.dtr);
    wire("rts", signals.rts);
    wire("cts", signals.cts);
    wire("dsr", signals.dsr);
    wire("dcd", signals.dcd);
    wire("ri", signals.ri);
    return out;
}

std::string human_bytes(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < units.size(); ++unit) value /= 1000;
    return (unit == 0 ? std::to_string(bytes) : with_one_decimal(value)) + " " + units[unit];
}

std::string human_duration(std::chrono::nanoseconds duration) {
    const auto seconds = std::chrono::duration<double>(duration).count();
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    if (seconds < 1)
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
    if (whole < 10) return with_one_decimal(seconds) + " s";
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    if (whole < 86400) return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
    return std::to_string(whole / 86400) + " d " + std::to_string(whole % 86400 / 3600) + " h";
}

}  // namespace vserctl
