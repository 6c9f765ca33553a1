#include "capture/capture_lines.hpp"

#include <fmt/core.h>
#include <jansson.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "capture/base64.hpp"

namespace vserd::capture {
namespace {

struct FreeJson {
    void operator()(json_t* value) const noexcept { ::json_decref(value); }
    void operator()(char* text) const noexcept { ::free(text); }  // NOLINT(cppcoreguidelines-no-malloc): jansson's
};
using Json = std::unique_ptr<json_t, FreeJson>;

constexpr std::array<std::pair<const char*, bool line::Signals::*>, 6> signal_names{{{"dtr", &line::Signals::dtr},
                                                                                     {"rts", &line::Signals::rts},
                                                                                     {"cts", &line::Signals::cts},
                                                                                     {"dsr", &line::Signals::dsr},
                                                                                     {"dcd", &line::Signals::dcd},
                                                                                     {"ri", &line::Signals::ri}}};
constexpr std::array<std::pair<const char*, std::uint64_t line::LineErrors::*>, 4> error_names{
    {{"frame", &line::LineErrors::frame},
     {"parity", &line::LineErrors::parity},
     {"overrun", &line::LineErrors::overrun},
     {"breaks", &line::LineErrors::breaks}}};

Error invalid(std::string message) { return {Failure::invalid_argument, 0, "file", std::move(message)}; }

// Writing

class Line {
public:
    Line& text(const char* key, const std::string& value) {
        ::json_object_set_new(object_.get(), key, ::json_stringn(value.data(), value.size()));
        return *this;
    }
    Line& number(const char* key, std::uint64_t value) {
        ::json_object_set_new(object_.get(), key, ::json_integer(static_cast<json_int_t>(value)));
        return *this;
    }
    Line& boolean(const char* key, bool value) {
        ::json_object_set_new(object_.get(), key, value ? ::json_true() : ::json_false());
        return *this;
    }
    Line& object(const char* key, Line value) {
        ::json_object_set_new(object_.get(), key, value.object_.release());
        return *this;
    }
    std::string str() const {
        const std::unique_ptr<char, FreeJson> text(::json_dumps(object_.get(), JSON_COMPACT));
        return text ? std::string(text.get()) + "\n" : std::string{};
    }

private:
    Json object_{::json_object()};
};

void put(Line& line, const Data& data) {
    line.number("at", data.offset).text(name_of(data.direction), to_base64(data.bytes));
}

void put(Line& line, const Gap& gap) {
    line.text("gap", name_of(gap.direction)).number("from", gap.from).number("to", gap.to);
    if (!gap.reason.empty()) line.text("reason", base::printable_text(gap.reason));
}

void put(Line& line, const Event& event) {
    line.number("at", event.offset).text("event", event.name);
    if (!event.text.empty()) line.text("text", base::printable_text(event.text));
    if (event.signals)
        for (const auto& [name, member] : signal_names) line.boolean(name, *event.signals.*member);
    if (event.settings) line.number("baud", event.settings->baud).text("format", to_string(event.settings->format));
    if (event.errors)
        for (const auto& [name, member] : error_names) line.number(name, *event.errors.*member);
}

// Reading

/// The fields of one object. Remembers the first thing that is wrong.
class Fields {
public:
    explicit Fields(const json_t* object) : object_(object) {}

    bool has(const char* key) const { return ::json_object_get(object_, key) != nullptr; }
    std::string text(const char* key) {
        const json_t* value = ::json_object_get(object_, key);
        if (!json_is_string(value)) return wrong(key, "must be a string"), std::string{};
        return {::json_string_value(value), ::json_string_length(value)};
    }
    /// One that people see.
    std::string shown_text(const char* key) { return base::printable_text(text(key)); }
    std::string optional_text(const char* key) { return has(key) ? shown_text(key) : std::string{}; }
    std::uint64_t number(const char* key) {
        const json_t* value = ::json_object_get(object_, key);
        if (!json_is_integer(value) || ::json_integer_value(value) < 0)
            return wrong(key, "must be a whole number that is not negative"), 0;
        return static_cast<std::uint64_t>(::json_integer_value(value));
    }
    bool boolean(const char* key) {
        const json_t* value = ::json_object_get(object_, key);
        if (!json_is_boolean(value)) return wrong(key, "must be true or false"), false;
        return json_is_true(value);
    }
    Fields object(const char* key) {
        const json_t* value = ::json_object_get(object_, key);
        if (!json_is_object(value)) wrong(key, "must be an object");
        return Fields(value);
    }
    void wrong(const char* key, std::string_view why) {
        if (problem_.empty()) problem_ = fmt::format("'{}' {}", key, why);
    }
    const std::string& problem() const noexcept { return problem_; }

private:
    const json_t* object_;
    std::string problem_;
};

Result<Json> parse_object(std::string_view line) {
    json_error_t error{};
    Json value(::json_loadb(line.data(), line.size(), JSON_REJECT_DUPLICATES, &error));
    if (json_is_object(value.get())) return value;
    const std::string why = value ? "it is another value" : base::printable_text(error.text);
    return invalid("is not a JSON object (" + why + "); export the capture again");
}

Direction direction_of(Fields& fields, const char* key) {
    const std::string name = fields.text(key);
    if (name != "rx" && name != "tx") fields.wrong(key, "must be \"rx\" or \"tx\"");
    return name == "tx" ? Direction::tx : Direction::rx;
}

Data data_of(Fields& fields, Direction direction) {
    const char* const key = name_of(direction);
    Data data{direction, fields.number("at"), {}};
    auto bytes = from_base64(fields.text(key));
    if (!bytes || bytes->empty() || bytes->size() > data_bytes_max)
        fields.wrong(key, fmt::format("must be 1 to {} bytes in base64 with padding", data_bytes_max));
    if (bytes) data.bytes = *std::move(bytes);
    return data;
}

Gap gap_of(Fields& fields) {
    Gap gap{direction_of(fields, "gap"), fields.number("from"), fields.number("to"), fields.optional_text("reason")};
    if (gap.to < gap.from) fields.wrong("to", "is before 'from'");
    return gap;
}

line::Settings settings_of(Fields& fields) {
    const std::uint64_t baud = fields.number("baud");
    if (baud > std::numeric_limits<std::uint32_t>::max()) fields.wrong("baud", "is too large");
    const auto format = line::parse_format(fields.text("format"));
    if (!format) fields.wrong("format", "must be a format such as \"8N1\"");
    return {static_cast<std::uint32_t>(baud), format ? *format : line::Format{}};
}

/// Events that this version does not know are records too.
Event event_of(Fields& fields) {
    Event event{fields.number("at"), fields.shown_text("event"), fields.optional_text("text")};
    if (event.name == "signals") {
        event.signals.emplace();
        for (const auto& [name, member] : signal_names) *event.signals.*member = fields.boolean(name);
    } else if (event.name == "line_errors") {
        event.errors.emplace();
        for (const auto& [name, member] : error_names) *event.errors.*member = fields.number(name);
    } else if (event.name == "settings") {
        event.settings = settings_of(fields);
    }
    return event;
}

Result<std::variant<Record, End>> end_of(Fields& fields) {
    Fields end = fields.object("end");
    if (!fields.problem().empty()) return invalid(fields.problem());
    const End value{end.number("records"), end.number("rx_bytes"), end.number("tx_bytes")};
    if (!end.problem().empty()) return invalid(end.problem());
    return std::variant<Record, End>(value);
}

}  // namespace

std::string to_line(const Header& header) {
    return Line().number("vserd_capture", format_version).text("port", header.port).text("log_id", header.log_id).str();
}

std::string to_line(const Record& record) {
    Line line;
    line.text("t", to_text(record.time));
    std::visit([&line](const auto& content) { put(line, content); }, record.content);
    return line.str();
}

std::string to_line(const End& end) {
    Line counts;
    counts.number("records", end.records).number("rx_bytes", end.rx_bytes).number("tx_bytes", end.tx_bytes);
    return Line().object("end", std::move(counts)).str();
}

Result<Header> parse_header(std::string_view line) {
    constexpr std::string_view zstd_magic = "\x28\xB5\x2F\xFD";
    if (line.starts_with(zstd_magic)) return invalid("is compressed; decompress the file first: zstd -d FILE");
    const auto object = parse_object(line);
    if (!object || ::json_object_get(object->get(), "vserd_capture") == nullptr)
        return invalid("is not the first line of a capture; make one with vserctl archive export");
    Fields fields(object->get());
    if (const auto version = fields.number("vserd_capture"); version != format_version)
        return invalid(fmt::format("is of format {}, and this vserd reads format {}", version, format_version));
    Header header{fields.shown_text("port"), fields.optional_text("log_id")};
    if (!fields.problem().empty()) return invalid(fields.problem());
    return header;
}

Result<std::variant<Record, End>> parse_line(std::string_view line) {
    const auto object = parse_object(line);
    if (!object) return object.error();
    Fields fields(object->get());
    if (fields.has("end")) return end_of(fields);
    const auto time = parse_time(fields.text("t"));
    if (!time && fields.problem().empty()) return invalid("'t': " + time.error().message);
    Record record;
    if (time) record.time = *time;
    if (fields.has("rx") || fields.has("tx")) {
        record.content = data_of(fields, fields.has("rx") ? Direction::rx : Direction::tx);
    } else if (fields.has("gap")) {
        record.content = gap_of(fields);
    } else if (fields.has("event")) {
        record.content = event_of(fields);
    } else {
        fields.wrong("t", "comes with none of 'rx', 'tx', 'gap' and 'event'");
    }
    if (!fields.problem().empty()) return invalid(fields.problem());
    return std::variant<Record, End>(std::move(record));
}

std::string to_text(Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    std::string text = base::time_text(seconds);
    text.pop_back();  // the Z
    return fmt::format("{}.{:09}Z", text, (time - seconds).count());
}

Result<Time> parse_time(std::string_view text) {
    const auto seconds = base::parse_time(text);
    if (!seconds) return seconds.error();
    constexpr auto limit = std::chrono::duration_cast<std::chrono::seconds>(Time::max().time_since_epoch());
    if (seconds->time_since_epoch() >= limit || seconds->time_since_epoch() <= -limit)
        return invalid("the year is out of range");
    std::int64_t nanoseconds = 0;
    if (const auto dot = text.find('.'); dot != std::string_view::npos) {
        std::int64_t unit = 100'000'000;
        for (std::size_t at = dot + 1; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
            nanoseconds += unit * (text[at] - '0');
    }
    return Time(*seconds) + std::chrono::nanoseconds(nanoseconds);
}

}  // namespace vserd::capture
