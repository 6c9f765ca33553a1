#include "rpc/line_encoder.hpp"

#include <span>
#include <utility>

#include "rpc/convert.hpp"

namespace vserd::rpc {

void LineEncoder::encode(search::Line line, std::uint64_t bytes_max, Messages& messages) {
    if (line.bytes.size() > bytes_max) line.bytes.resize(static_cast<std::size_t>(bytes_max));
    if (line.bytes.empty()) return;
    if (text_) return encode_text(line, messages);
    v1::Data& data = *messages.emplace_back().mutable_data();
    data.set_offset(line.offset);
    to_proto(line.received, *data.mutable_receive_time());
    data.set_bytes(std::move(line.bytes));
}

void LineEncoder::encode(const log::GapItem& gap, Messages& messages) {
    flush(messages);
    to_proto(gap, *messages.emplace_back().mutable_gap());
}

/// Only the parts of one line may share a character.
void LineEncoder::encode_text(const search::Line& line, Messages& messages) {
    if (line.offset != end_) flush(messages);
    end_ = line.offset + line.bytes.size();
    received_ = line.received;
    v1::ReadResponse response;
    v1::Text& text = *response.mutable_text();
    text.set_offset(line.offset - encoder_.kept_bytes());
    encoder_.append(std::as_bytes(std::span(line.bytes)), *text.mutable_text());
    if (text.text().empty()) return;
    to_proto(line.received, *text.mutable_receive_time());
    messages.push_back(std::move(response));
}

void LineEncoder::flush(Messages& messages) {
    if (encoder_.kept_bytes() == 0) return;
    v1::Text& text = *messages.emplace_back().mutable_text();
    text.set_offset(end_ - encoder_.kept_bytes());
    encoder_.flush(*text.mutable_text());
    to_proto(received_, *text.mutable_receive_time());
}

}  // namespace vserd::rpc
