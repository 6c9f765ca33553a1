// Each request message of any bytes, turned into what the layers below take: a value within its limits, or an error that
// names the field and fits into a status.
#include <algorithm>
#include <string>

#include "fuzz/fuzz.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/convert.hpp"
#include "rpc/read_end.hpp"
#include "rpc/status.hpp"

using namespace vserd;

namespace {

/// What a client sees of it. Subjects are fields, as a client knows them: "from.since.nanos".
void require_told(const Error& error, std::string_view field) {
    require(error.failure == Failure::invalid_argument, "a wrong value is an invalid argument");
    require(error.subject.starts_with(field), "its error names the field");
    require(error.message.size() > 10, "and says what would be right");
    const grpc::Status status = rpc::to_status(error, {.port = "p"});
    require(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT, "it becomes that status");
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    require(details.ParseFromString(status.error_details()) && details.details_size() == 1 &&
                details.details(0).UnpackTo(&info),
            "with details that a program can read");
    require(info.reason() == "INVALID_FIELD" && info.metadata().at("field") == error.subject, "and branch on");
    require(status.error_message().size() + status.error_details().size() < 4096, "and that fit into trailers");
}

void end(const rpc::v1::EndPoint& message) {
    const log::ByteLog log{1};
    rpc::ReadEnd end(log, true);
    if (const auto set = end.set_until(message); !set) return require_told(set.error(), "until.");
    require(end.bytes_left(0) > 0 || message.offset() == 0, "only the end has nothing before it");
    require(message.end_case() != rpc::v1::EndPoint::kOffset || end.bytes_left(message.offset()) == 0,
            "an offset is an end");
}

void start(const rpc::v1::StartPoint& message, const std::string& field) {
    const auto start = rpc::start_point(message, field);
    if (!start) return require_told(start.error(), field + ".");
    if (const auto* since = std::get_if<hub::StartSince>(&*start)) {
        google::protobuf::Timestamp again;
        rpc::to_proto(since->time, again);
        require(again.nanos() == message.since().nanos(), "a time keeps its part of a second");
        const std::int64_t asked = message.since().seconds();
        const bool beyond = again.seconds() == (asked < 0 ? -9223372035 : 9223372035);
        require(again.seconds() == asked || (beyond && std::abs(asked / 2) > 4'600'000'000),
                "and its second, or the last");
    } else if (const auto* age = std::get_if<hub::StartAge>(&*start)) {
        const std::chrono::seconds asked{std::min<std::int64_t>(message.age().seconds(), 9'223'372'035)};
        require(age->age == asked + std::chrono::nanoseconds{message.age().nanos()},
                "an age stays the same, or is the most");
    } else if (const auto* offset = std::get_if<hub::StartOffset>(&*start)) {
        require(offset->offset == message.offset(), "an offset stays the same");
    } else if (const auto* tail = std::get_if<hub::StartTail>(&*start)) {
        require(tail->bytes == message.tail_bytes(), "so does a tail");
    } else if (std::holds_alternative<hub::StartOldest>(*start)) {
        require(message.oldest(), "the oldest byte was asked for");
    } else {
        require(message.live() || message.start_case() == rpc::v1::StartPoint::START_NOT_SET, "the end was asked for");
    }
}

void settings(const line::SettingsChange& change, std::string_view field) {
    const auto settings = line::with_change(line::Settings{}, change);
    if (!settings) return require_told(settings.error(), field);
    rpc::v1::Format format;
    rpc::to_proto(settings->get().format, format);
    const auto back = rpc::settings_change(format);
    require(back.has_value(), "a format in force can be asked for");
    const auto again = line::with_change(line::Settings{settings->get().baud, {5, line::Parity::mark}}, *back);
    require(again && *again == *settings, "and is then in force");
}

void format(const rpc::v1::Format& message) {
    const auto change = rpc::settings_change(message);
    if (!change) return require_told(change.error(), "format.");
    settings(*change, "format.");
}

void duration(bool is_set, const google::protobuf::Duration& message) {
    const auto duration = rpc::break_duration(is_set, message);
    if (!duration) return require_told(duration.error(), "duration");
    require(*duration >= port::break_duration_min && *duration <= port::break_duration_max, "a break is within limits");
}

void encoding(rpc::v1::Encoding value) {
    const auto text = rpc::wants_text(value);
    if (!text) require_told(text.error(), "encoding");
}

void client(const std::string& name) {
    const auto shown = rpc::client_name(name, "ipv4:127.0.0.1:1");
    if (!shown) return require_told(shown.error(), "client");
    require(!shown->empty() && shown->size() <= 64, "a client has a short name");
    require(std::none_of(shown->begin(), shown->end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
            "that spoils no terminal");
}

void attach(const rpc::v1::AttachRequest& message) {
    if (message.has_open()) {
        start(message.open().from(), "from");
        encoding(message.open().encoding());
        client(message.open().client());
    }
    if (message.has_break_()) duration(message.break_().has_duration(), message.break_().duration());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace v1 = rpc::v1;
    Input input(data, size);
    const std::uint8_t kind = input.byte();
    const std::string_view bytes = input.rest();
    switch (kind) {
        case 'a': with_message<v1::AttachRequest>(bytes, attach); break;
        case 'b':
            with_message<v1::SetBaudRequest>(bytes, [](const auto& message) {
                line::SettingsChange change;
                change.baud = message.baud();
                settings(change, "baud");
            });
            break;
        case 'c':
            with_message<v1::CollectRequest>(bytes, [](const auto& message) {
                start(message.from(), "from");
                for (const auto& source : message.sources()) start(source.from(), "sources.from");
            });
            break;
        case 'd':
            with_message<v1::FlushRequest>(bytes, [](const auto& message) {
                const auto direction = rpc::flush_direction(message.direction());
                if (!direction) require_told(direction.error(), "direction");
            });
            break;
        case 'f':
            with_message<v1::SetFormatRequest>(bytes, [](const auto& message) { format(message.format()); });
            break;
        case 'k':
            with_message<v1::SendBreakRequest>(
                bytes, [](const auto& message) { duration(message.has_duration(), message.duration()); });
            break;
        case 'r':
            with_message<v1::ReadRequest>(bytes, [](const auto& message) {
                start(message.from(), "from");
                encoding(message.encoding());
                end(message.until());
            });
            break;
        case 'n': client(std::string(bytes)); break;
        default: break;
    }
    return 0;
}
