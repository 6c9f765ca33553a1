// What a server may send, as the client library and vserctl turn it into values, sentences and JSON.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>

#include "fuzz/fuzz.hpp"
#include "vser/v1/console_service.pb.h"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/json.hpp"

namespace client = vser::client;
namespace v1 = vser::v1;

namespace {

void require_json(const vserctl::JsonObject& object) {
    google::protobuf::Struct parsed;
    require(google::protobuf::util::JsonStringToMessage(object.text(), &parsed).ok(), "JSON reads as JSON");
}

/// A sentence for a terminal.
void require_safe(const std::string& sentence) {
    require(!sentence.empty(), "something is said");
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    require(std::none_of(sentence.begin(), sentence.end(), control), "that moves no cursor");
}

void port(const v1::Port& message) {
    const auto port = client::from_proto(message);
    require(port.name == message.name() && port.next_offset == message.next_offset(), "a port keeps its fields");
    require_json(vserctl::to_json(port));
    v1::Format again;
    client::to_proto(port.format, again);
    const auto kept = [](int value, int sent, bool known) { return value == (known ? sent : 0); };
    const v1::Format& sent = message.format();
    require(kept(again.parity(), sent.parity(), v1::Parity_IsValid(sent.parity())) &&
                kept(again.stop_bits(), sent.stop_bits(), v1::StopBits_IsValid(sent.stop_bits())) &&
                kept(again.flow_control(), sent.flow_control(), v1::FlowControl_IsValid(sent.flow_control())),
            "a value that is not known is none that is");
}

void event(const v1::Event& message) {
    const auto event = client::from_proto(message);
    require_json(vserctl::to_json(event));
    require_safe(vserctl::describe(event));
}

void item(v1::ReadResponse& message) {
    if (message.has_data()) {
        const std::string bytes = message.data().bytes();
        const auto data = client::from_proto(std::move(*message.mutable_data()));
        require(data.bytes == bytes, "bytes stay the same");
        require(vserctl::rfc3339(data.receive_time).ends_with("Z"), "a time can be shown");
    } else if (message.has_gap()) {
        const auto gap = client::from_proto(message.gap());
        require_json(vserctl::to_json(gap));
        if (gap.to > gap.from || gap.events_lost > 0) require_safe(vserctl::describe(gap));
    } else if (message.has_event()) {
        event(message.event());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const std::uint8_t kind = input.byte();
    const std::string_view bytes = input.rest();
    switch (kind) {
        case 'p': with_message<v1::Port>(bytes, port); break;
        case 'i': with_message<v1::ReadResponse>(bytes, item); break;
        case 's':
            with_message<v1::GetServerInfoResponse>(
                bytes, [](const auto& message) { require_json(vserctl::to_json(client::from_proto(message))); });
            break;
        case 'w':
            with_message<v1::PortEvent>(
                bytes, [](const auto& message) { require_json(vserctl::to_json(client::from_proto(message))); });
            break;
        case 'e': {
            const auto code = static_cast<grpc::StatusCode>(1 + bytes.size() % 16);
            const auto error = client::to_error(grpc::Status(code, "message", std::string(bytes)));
            require(error.message == "message", "an error keeps its message");
            require_json(vserctl::to_json(error));
            break;
        }
        default: break;
    }
    return 0;
}
