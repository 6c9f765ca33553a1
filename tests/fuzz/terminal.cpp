// What vserctl does with bytes of strangers, in one piece and in many: keys, terminal modes, text, JSON.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "vserctl/escape.hpp"
#include "vserctl/json.hpp"
#include "vserctl/mode_tracker.hpp"
#include "vserctl/utf8.hpp"
#include "vserctl/way_out.hpp"

using namespace vserctl;

namespace {

using Pieces = std::vector<EscapeParser::Piece>;

/// Adjacent bytes as one piece, which is what they mean.
void append(Pieces& all, Pieces more) {
    for (auto& piece : more) {
        auto* bytes = std::get_if<std::string>(&piece);
        auto* before = all.empty() ? nullptr : std::get_if<std::string>(&all.back());
        if (bytes != nullptr && before != nullptr) {
            *before += *bytes;
        } else {
            all.push_back(std::move(piece));
        }
    }
}

void keys(std::string_view typed, std::size_t piece) {
    EscapeParser whole(0x1D);
    EscapeParser split(0x1D);
    EscapeParser none(-1);
    Pieces at_once;
    Pieces bit_by_bit;
    append(at_once, whole.feed(typed));
    for (std::size_t at = 0; at < typed.size(); at += piece) append(bit_by_bit, split.feed(typed.substr(at, piece)));
    append(at_once, whole.flush());
    append(bit_by_bit, split.flush());
    require(at_once == bit_by_bit, "keys mean the same however they arrive");
    const auto plain = none.feed(typed);
    require(plain.size() <= 1 && (plain.empty() || std::get<std::string>(plain[0]) == typed),
            "without a key all is sent");
}

void modes(std::string_view printed, std::size_t piece) {
    ModeTracker whole;
    ModeTracker split;
    whole.feed(printed);
    for (std::size_t at = 0; at < printed.size(); at += piece) split.feed(printed.substr(at, piece));
    require(whole.undo() == split.undo(), "modes are the same however they arrive");
    require(whole.undo().size() <= way_out::text_bytes_max, "a signal handler has room for it");
    whole.feed(
        "\x1b"
        "m");  // whatever had begun ends: what undoes comes on its own
    const std::string undo = whole.undo();
    whole.feed(undo);
    require(whole.undo().empty(), "what undoes leaves nothing to undo");
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const int length = utf8_length(text);
        if (length < 1) return false;
        text.remove_prefix(static_cast<std::size_t>(length));
    }
    return true;
}

void text(std::string_view bytes, std::size_t piece) {
    Utf8Stream whole;
    std::string at_once = whole.push(0, bytes).text;
    if (const auto rest = whole.flush()) at_once += rest->text;

    Utf8Stream split;
    std::string bit_by_bit;
    std::uint64_t offset = 7;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto some = split.push(offset, bytes.substr(at, piece));
        require(some.offset <= offset && some.offset + 3 >= offset, "text begins at most three bytes back");
        require(is_utf8(some.text), "no character is cut in two");
        bit_by_bit += some.text;
        offset += bytes.substr(at, piece).size();
    }
    if (const auto rest = split.flush()) bit_by_bit += rest->text;
    require(at_once == bit_by_bit, "text is the same however it arrives");

    const std::string safe = printable(bytes);
    require(is_utf8(safe), "what is shown is text");
    for (std::string_view left = safe; !left.empty();) {
        const auto character = left.substr(0, static_cast<std::size_t>(utf8_length(left)));
        require(is_safe_to_show(utf8_character(character)), "that moves no cursor and turns nothing around");
        left.remove_prefix(character.size());
    }
}

void json(std::string_view bytes) {
    const std::string object = JsonObject().field("s", bytes).text();
    google::protobuf::Struct parsed;
    require(google::protobuf::util::JsonStringToMessage(object, &parsed).ok(), "JSON reads as JSON");
    Utf8Stream utf8;
    std::string valid = utf8.push(0, bytes).text;
    if (const auto rest = utf8.flush()) valid += rest->text;
    require(parsed.fields().at("s").string_value() == valid, "and as the same text");
    require(base64(bytes).size() == (bytes.size() + 2) / 3 * 4, "base64 is four for three");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const std::size_t piece = 1 + input.byte() % 9;
    const std::string_view bytes = input.rest();
    keys(bytes, piece);
    modes(bytes, piece);
    text(bytes, piece);
    json(bytes);
    return 0;
}
