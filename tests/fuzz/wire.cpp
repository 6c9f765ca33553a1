// A log as its readers get it, as bytes, as text and collected, against protobuf's own reading of the messages.
#include <google/protobuf/util/message_differencer.h>

#include <span>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "rpc/convert.hpp"
#include "rpc/item_encoder.hpp"
#include "vserctl/utf8.hpp"

using namespace vserd;
namespace v1 = vser::v1;

namespace {

struct Character {
    std::uint64_t offset = 0;
    std::string text;
};

/// By vserctl's reading of UTF-8, which shares nothing with the server's.
std::vector<Character> characters(std::uint64_t offset, std::string_view bytes) {
    std::vector<Character> all;
    while (!bytes.empty()) {
        const int length = vserctl::utf8_length(bytes);
        const auto size = length > 0 ? static_cast<std::size_t>(length) : 1;
        all.push_back({offset, length > 0 ? std::string(bytes.substr(0, size)) : "\xEF\xBF\xBD"});
        offset += size;
        bytes.remove_prefix(size);
    }
    return all;
}

std::string bytes_of(const log::DataItem& item) {
    std::string bytes;
    for (const auto& slice : item.slices) bytes.append(reinterpret_cast<const char*>(slice.data), slice.size);
    return bytes;
}

/// A reader of text: gathers what went in and what came out between two gaps, and compares.
class TextReader {
public:
    explicit TextReader(rpc::DataCache& cache) : encoder_(cache, /*text=*/true) {}

    void take(const log::Item& item) {
        const auto* data = std::get_if<log::DataItem>(&item);
        if (data != nullptr && bytes_.empty()) begin_ = data->offset;
        if (data != nullptr) bytes_ += bytes_of(*data);
        rpc::Messages messages;
        encoder_.encode(item, true, messages);
        const bool gap = std::holds_alternative<log::GapItem>(item);
        for (const auto& message : messages) take(message);
        if (gap) compare();
    }
    void end() {
        rpc::Messages messages;
        encoder_.flush(messages);
        for (const auto& message : messages) take(message);
        compare();
    }

private:
    void take(const grpc::ByteBuffer& message) {
        v1::ReadResponse response;
        require(rpc::parse(message, response), "a message of text is one");  // and valid UTF-8, or it would not be
        if (!response.has_text()) return;
        require(!response.text().text().empty(), "text is never empty");
        texts_.push_back({response.text().offset(), response.text().text()});
    }
    void compare() {
        std::string_view left;
        std::size_t next = 0;
        for (const auto& character : characters(begin_, bytes_)) {
            if (left.empty()) {
                require(next < texts_.size(), "no character is missing");
                require(texts_[next].offset == character.offset, "text has the offset of its first byte");
                left = texts_[next++].text;
            }
            require(left.starts_with(character.text), "text is what the bytes say");
            left.remove_prefix(character.text.size());
        }
        require(left.empty() && next == texts_.size(), "and nothing more");
        bytes_.clear();
        texts_.clear();
    }

    rpc::ItemEncoder encoder_;
    std::uint64_t begin_ = 0;
    std::string bytes_;
    std::vector<Character> texts_;
};

v1::ReadResponse expected(const log::Item& item) {
    v1::ReadResponse response;
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        response.mutable_data()->set_offset(data->offset);
        response.mutable_data()->set_bytes(bytes_of(*data));
        rpc::to_proto(data->received.wall, *response.mutable_data()->mutable_receive_time());
    } else if (const auto* gap = std::get_if<log::GapItem>(&item)) {
        rpc::to_proto(*gap, *response.mutable_gap());
    } else {
        rpc::to_proto(std::get<log::EventItem>(item), *response.mutable_event());
    }
    return response;
}

void as_bytes(rpc::DataCache& cache, const log::Item& item, bool shared) {
    rpc::ItemEncoder encoder(cache, /*text=*/false);
    rpc::Messages messages;
    encoder.encode(item, shared, messages);
    require(messages.size() == 1, "an item is a message");
    v1::ReadResponse response;
    v1::AttachResponse attach;
    require(rpc::parse(messages[0], response), "that protobuf can read");
    require(google::protobuf::util::MessageDifferencer::Equals(response, expected(item)), "and finds the item in");
    require(rpc::parse(messages[0], attach) && attach.item_case() == static_cast<int>(response.item_case()),
            "as it does where an Attach is answered");
}

void collected(rpc::MessageBuilder& builder, const log::Item& item) {
    const auto* data = std::get_if<log::DataItem>(&item);
    if (data == nullptr) return;
    rpc::append_data_record(builder, "p", *data);
    rpc::append_data_record(builder, "another", *data);
    const std::size_t size = builder.size();
    const auto message = builder.take();
    v1::CollectResponse response;
    require(message.Length() == size && rpc::parse(message, response), "records can be read");
    require(response.records_size() == 2 && response.records(1).port() == "another", "each with its port");
    require(response.records(0).offset() == data->offset && response.records(0).data() == bytes_of(*data), "and bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    log::ByteLog log(1 + std::size_t{input.byte()} * 16);
    const std::int64_t wall = static_cast<std::int64_t>(input.number());
    rpc::DataCache cache;
    rpc::MessageBuilder builder;
    TextReader text(cache);
    log::Cursor cursor;
    const std::string long_text(600, 'a');
    const auto deliver = [&](std::size_t bytes_max) {
        const auto item = log.read(cursor, bytes_max);
        if (!item) return false;
        text.take(*item);
        as_bytes(cache, *item, bytes_max % 2 == 0);
        collected(builder, *item);
        return true;
    };
    for (int steps = 0; !input.empty() && steps < 100; ++steps) {
        const std::uint8_t choice = input.byte();
        const log::Moment moment{log::WallTime{log::WallTime::duration{wall}}, {}};
        if (choice % 8 == 0) {
            log.append_event(port::WriterChanged{std::string(input.take(choice / 8) == "x" ? "x" : "somebody")});
        } else if (choice % 8 == 1) {
            deliver(1 + std::size_t{choice} / 8);
        } else if (choice % 8 == 2) {
            log.append(std::as_bytes(std::span{long_text}.first(300U + choice)), moment);
        } else {
            log.append(std::as_bytes(std::span{input.take(choice / 8)}), moment);
        }
    }
    while (deliver(1000)) continue;
    text.end();
    return 0;
}
