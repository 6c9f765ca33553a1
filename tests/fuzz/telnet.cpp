// The telnet codec and RFC 2217's commands on any bytes: input in pieces means the same as in one piece, bytes of the device
// come back as they were, answers stay in proportion, and a sub-negotiation has its cap.
#include <string>
#include <string_view>
#include <variant>

#include "fuzz/fuzz.hpp"
#include "tcp/com_port.hpp"
#include "tcp/telnet_codec.hpp"

using namespace vserd::tcp;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Decoded {
    std::string data;
    std::string others;  ///< commands and sub-negotiations, in order, each with its place in the data
    std::string answers;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

void note(const TelnetSubnegotiation& content, Decoded& into) {
    require(content.content.size() < subnegotiation_bytes_max, "a sub-negotiation has its cap");
    into.others += "s" + std::to_string(into.data.size()) + text_of(content.content);
    const auto command = parse_com_port(content.content);
    if (!command) return;
    const auto change = settings_change(*command);
    if (!change || command->code == ComPortCode::set_control) return;
    const auto changed = vserd::line::with_change({}, *change);
    if (changed) require(value_in_force(command->code, *changed) == command->value, "a value in force reads as set");
}

void decode(TelnetCodec& codec, std::string_view text, Decoded& into) {
    auto input = std::as_bytes(std::span(text));
    while (const auto piece = codec.next(input, into.answers)) {
        if (const auto* data = std::get_if<TelnetData>(&*piece)) {
            require(!data->bytes.empty(), "no piece of data is empty");
            into.data += text_of(data->bytes);
        } else if (const auto* content = std::get_if<TelnetSubnegotiation>(&*piece)) {
            note(*content, into);
        } else {
            into.others += std::holds_alternative<TelnetBreak>(*piece) ? "b" : "a";
            into.others += std::to_string(into.data.size());
        }
    }
    require(input.empty(), "everything is consumed");
}

/// What the server encodes, a client that speaks as the server does decodes.
void there_and_back(std::string_view text, bool com_port) {
    TelnetCodec server(com_port);
    TelnetCodec client(com_port);
    std::string encoded;
    const std::size_t half = text.size() / 2;
    for (const std::string_view part : {text.substr(0, half), text.substr(half)}) {
        const auto bytes = std::as_bytes(std::span(part));
        if (server.needs_encoding(bytes)) {
            server.encode(bytes, encoded);
        } else {
            encoded += part;
        }
    }
    require(encoded.size() <= 2 * text.size(), "encoding at most doubles");
    Decoded decoded;
    decode(client, encoded, decoded);
    require(decoded.data == text && decoded.others.empty() && decoded.answers.empty(), "bytes pass as they are");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const std::uint8_t choice = input.byte();
    const bool com_port = (choice & 1U) != 0;
    const std::size_t piece = 1 + (choice >> 1U);
    const std::string_view text = input.rest();
    TelnetCodec whole(com_port);
    TelnetCodec pieces(com_port);
    Decoded at_once;
    Decoded in_pieces;
    whole.start(at_once.answers);
    pieces.start(in_pieces.answers);
    const std::size_t greeting = at_once.answers.size();
    decode(whole, text, at_once);
    for (std::size_t i = 0; i < text.size(); i += piece) decode(pieces, text.substr(i, piece), in_pieces);
    require(at_once == in_pieces, "input in pieces means the same as in one");
    require(at_once.answers.size() <= greeting + text.size(), "no answer is longer than what it answers");
    there_and_back(text, com_port);
    return 0;
}
