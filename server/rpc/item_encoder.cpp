#include "rpc/item_encoder.hpp"

#include "rpc/convert.hpp"

namespace vserd::rpc {

void ItemEncoder::encode(const log::Item& item, bool shared, Messages& messages) {
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        if (text_) return encode_text(*data, messages);
        grpc::ByteBuffer message = cache_.encode(*data, shared);
        messages.emplace_back().Swap(&message);  // a ByteBuffer cannot be moved
        return;
    }
    v1::ReadResponse response;
    if (const auto* gap = std::get_if<log::GapItem>(&item)) {
        flush(messages);  // a character does not continue after a gap
        to_proto(*gap, *response.mutable_gap());
    } else {
        // A character may continue after an event: its first bytes are sent after the event, with their own offset.
        to_proto(std::get<log::EventItem>(item), *response.mutable_event());
    }
    messages.push_back(to_buffer(response));
}

void ItemEncoder::encode_text(const log::DataItem& item, Messages& messages) {
    v1::ReadResponse response;
    v1::Text& text = *response.mutable_text();
    text.set_offset(item.offset - encoder_.kept_bytes());
    for (const log::Slice& slice : item.slices) encoder_.append({slice.data, slice.size}, *text.mutable_text());
    kept_offset_ = item.offset + item.size - encoder_.kept_bytes();
    kept_received_ = item.received.wall;
    if (text.text().empty()) return;
    to_proto(item.received.wall, *text.mutable_receive_time());
    messages.push_back(to_buffer(response));
}

void ItemEncoder::flush(Messages& messages) {
    if (encoder_.kept_bytes() == 0) return;
    v1::ReadResponse response;
    v1::Text& text = *response.mutable_text();
    text.set_offset(kept_offset_);
    encoder_.flush(*text.mutable_text());
    to_proto(kept_received_, *text.mutable_receive_time());
    messages.push_back(to_buffer(response));
}

}  // namespace vserd::rpc
