#include "vserctl/log_printer.hpp"

#include <fmt/core.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "vserctl/describe.hpp"
#include "vserctl/json.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

std::string_view without_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// What is not a line, as text; empty if the entry is not for people.
std::string note_of(const LogEntry& entry) {
    if (const auto* gap = std::get_if<client::Gap>(&entry.what)) return describe(*gap);
    if (const auto* note = std::get_if<LogNote>(&entry.what)) return note->text;
    return {};
}

/// Finds what the server has found, to show it.
class Highlighter {
public:
    explicit Highlighter(const std::string& pattern) {
        re2::RE2::Options options(re2::RE2::Latin1);
        options.set_never_nl(true);
        options.set_log_errors(false);
        if (!pattern.empty()) compiled_ = std::make_unique<re2::RE2>("(?m)" + pattern, options);
        if (compiled_ && !compiled_->ok()) compiled_.reset();  // the server says so
    }

    /// Calls `show` with the parts of the line, and whether each matches.
    void split(std::string_view line, const std::function<void(std::string_view part, bool matches)>& show) const {
        const re2::StringPiece text(line.data(), line.size());
        std::size_t at = 0;
        re2::StringPiece match;
        while (compiled_ && at < line.size() &&
               compiled_->Match(text, at, line.size(), re2::RE2::UNANCHORED, &match, 1) && !match.empty()) {
            const auto begin = static_cast<std::size_t>(match.data() - text.data());
            show(line.substr(at, begin - at), false);
            show(line.substr(begin, match.size()), true);
            at = begin + match.size();
        }
        show(line.substr(at), false);
    }

private:
    std::unique_ptr<re2::RE2> compiled_;
};

class TextPrinter final : public LogPrinter {
public:
    TextPrinter(const LogCommand& command, Out out, Out note, bool terminal, bool colour)
        : command_(command),
          out_(std::move(out)),
          note_(std::move(note)),
          terminal_(terminal),
          colour_(colour),
          highlighter_(colour ? command.pattern : std::string()) {
        for (const auto& port : command.ports) port_width_ = std::max(port_width_, port.size());
    }

    void print(const LogEntry& entry) override {
        if (const auto* data = std::get_if<client::Data>(&entry.what)) return print_line(entry.port, *data);
        if (const auto note = note_of(entry); !note.empty()) {
            end_line();
            note_(command_.ports.size() > 1 ? command_.ports[entry.port] + ": " + note : note);
        }
    }
    void finish() override { end_line(); }

private:
    void print_line(std::size_t port, const client::Data& data) {
        const bool continues = open_ && open_port_ == port && open_end_ == data.offset;
        std::string text;
        if (!continues) {
            end_line();
            if (command_.before + command_.after > 0) text += separator(port, data);
            text += prefix(port, data.receive_time);
        }
        const auto line = without_end(data.bytes);
        highlighter_.split(line, [&](std::string_view part, bool matches) {
            const auto shown = terminal_ ? printable(part) : std::string(part);
            text += matches && !shown.empty() ? coloured(shown, Colour::bad, colour_) : shown;
        });
        open_ = line.size() == data.bytes.size();
        if (!open_) text += '\n';
        open_port_ = port;
        open_end_ = data.offset + data.bytes.size();
        out_(text);
    }

    /// Between lines that do not follow each other in the log, as grep prints it.
    std::string separator(std::size_t port, const client::Data& data) const {
        const bool gap = open_end_ != 0 && (open_port_ != port || open_end_ != data.offset);
        return gap && command_.ports.size() == 1 ? coloured("--", Colour::dim, colour_) + "\n" : "";
    }

    std::string prefix(std::size_t port, client::Time time) {
        std::string text;
        if (command_.times == LogTimes::iso) text = rfc3339(time) + " ";
        if (command_.times == LogTimes::delta) {
            const std::chrono::duration<double> delta = last_time_ ? time - *last_time_ : std::chrono::nanoseconds{0};
            text = fmt::format("{:+11.6f} ", delta.count());
        }
        last_time_ = time;
        if (!text.empty()) text = coloured(text, Colour::dim, colour_);
        if (command_.ports.size() > 1) {
            text += coloured(fmt::format("{:{}} ", printable(command_.ports[port]) + ":", port_width_ + 1),
                             Colour::good, colour_);
        }
        return text;
    }

    /// An unfinished line ends where another begins.
    void end_line() {
        if (std::exchange(open_, false)) out_("\n");
    }

    const LogCommand& command_;
    Out out_;
    Out note_;
    bool terminal_;
    bool colour_;
    Highlighter highlighter_;
    std::size_t port_width_ = 0;
    bool open_ = false;  ///< the last line was not finished
    std::size_t open_port_ = 0;
    std::uint64_t open_end_ = 0;
    std::optional<client::Time> last_time_;
};

class JsonPrinter final : public LogPrinter {
public:
    JsonPrinter(const LogCommand& command, Out out, Out note)
        : command_(command), out_(std::move(out)), note_(std::move(note)) {}

    void print(const LogEntry& entry) override {
        JsonObject object;
        object.field("port", command_.ports[entry.port]);
        if (const auto* data = std::get_if<client::Data>(&entry.what)) {
            object.field("offset", data->offset)
                .field("receive_time", rfc3339(data->receive_time))
                .field("text", data->bytes);
        } else if (const auto* gap = std::get_if<client::Gap>(&entry.what)) {
            object.field("gap", vserctl::to_json(*gap));
        } else {
            if (const auto note = note_of(entry); !note.empty()) note_(command_.ports[entry.port] + ": " + note);
            return;
        }
        out_(object.text() + "\n");
    }

private:
    const LogCommand& command_;
    Out out_;
    Out note_;
};

/// Version 3 of https://docs.asciinema.org/manual/asciicast/v3/: a header, then [seconds since the previous, code, text].
class CastPrinter final : public LogPrinter {
public:
    CastPrinter(const LogCommand& command, Out out) : command_(command), out_(std::move(out)) {}

    void print(const LogEntry& entry) override {
        begin(entry.time);
        if (const auto* data = std::get_if<client::Data>(&entry.what)) {
            add("o", data->receive_time, utf8_.push(data->offset, data->bytes).text);
        } else if (const auto* event = std::get_if<client::Event>(&entry.what)) {
            add("m", event->time, describe(*event));
        } else {
            add("m", entry.time, note_of(entry));
        }
    }
    void finish() override {
        begin(std::chrono::system_clock::now());
        if (const auto rest = utf8_.flush()) add("o", last_time_, rest->text);
    }

private:
    void begin(client::Time time) {
        if (std::exchange(begun_, true)) return;
        last_time_ = time;
        const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
        out_(JsonObject()
                 .field("version", std::uint64_t{3})
                 .field("term", JsonObject().field("cols", std::uint64_t{80}).field("rows", std::uint64_t{24}))
                 .field("timestamp", static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)))
                 .field("title", command_.ports.front())
                 .text() +
             "\n");
    }

    void add(const char* code, client::Time time, const std::string& text) {
        if (text.empty()) return;
        const std::chrono::duration<double> interval = std::max(time - last_time_, std::chrono::nanoseconds{0});
        last_time_ = std::max(time, last_time_);
        out_(fmt::format("[{:.6f},\"{}\",{}]\n", interval.count(), code, json_string(text)));
    }

    const LogCommand& command_;
    Out out_;
    Utf8Stream utf8_;
    bool begun_ = false;
    client::Time last_time_;
};

}  // namespace

std::unique_ptr<LogPrinter> LogPrinter::make(const LogCommand& command, Out out, Out note, bool terminal, bool colour) {
    switch (command.format) {
        case LogFormat::json: return std::make_unique<JsonPrinter>(command, std::move(out), std::move(note));
        case LogFormat::asciicast: return std::make_unique<CastPrinter>(command, std::move(out));
        case LogFormat::text: break;
    }
    return std::make_unique<TextPrinter>(command, std::move(out), std::move(note), terminal, colour);
}

}  // namespace vserctl
