#include "rpc/wire.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

namespace vserd::rpc {
namespace {

// Field numbers of proto/vser/v1: ReadResponse.data = AttachResponse.data, Data, CollectResponse, Record.
constexpr std::uint32_t response_data = 1;
constexpr std::uint32_t data_offset = 1;
constexpr std::uint32_t data_bytes = 2;
constexpr std::uint32_t data_receive_time = 3;
constexpr std::uint32_t collect_records = 1;
constexpr std::uint32_t record_port = 1;
constexpr std::uint32_t record_offset = 2;
constexpr std::uint32_t record_data = 3;
constexpr std::uint32_t record_receive_time = 6;

constexpr std::uint32_t wire_varint = 0;
constexpr std::uint32_t wire_length_delimited = 2;

void release_block(void* block) { const log::BlockRef last(static_cast<log::Block*>(block), /*add_ref=*/false); }

}  // namespace

void MessageBuilder::varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) open_.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
    open_.push_back(static_cast<char>(value));
}

void MessageBuilder::number(std::uint32_t field, std::uint64_t value) {
    if (value == 0) return;
    varint((field << 3U) | wire_varint);
    varint(value);
}

void MessageBuilder::header(std::uint32_t field, std::size_t size) {
    varint((field << 3U) | wire_length_delimited);
    varint(size);
}

void MessageBuilder::payload(const log::Slice& slice) {
    if (slice.size <= copied_payload_bytes_max) {
        open_.append(reinterpret_cast<const char*>(slice.data), slice.size);
        return;
    }
    close();
    log::BlockRef kept = slice.block;
    // gRPC takes a non-const pointer but never writes through it.
    slices_.emplace_back(const_cast<std::byte*>(slice.data), slice.size, &release_block, kept.detach());
    closed_size_ += slice.size;
}

grpc::ByteBuffer MessageBuilder::take() {
    close();
    grpc::ByteBuffer buffer(slices_.data(), slices_.size());
    slices_.clear();
    closed_size_ = 0;
    return buffer;
}

void MessageBuilder::close() {
    if (open_.empty()) return;
    slices_.emplace_back(open_.data(), open_.size());
    closed_size_ += open_.size();
    open_.clear();
}

std::size_t MessageBuilder::varint_size(std::uint64_t value) noexcept {
    return google::protobuf::io::CodedOutputStream::VarintSize64(value);
}

std::string encode_timestamp(log::WallTime time) {
    const auto since_epoch = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds);
    std::string content;
    const auto append = [&content](char key, std::uint64_t value) {
        if (value == 0) return;
        content.push_back(key);
        for (; value >= 0x80; value >>= 7U) content.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
        content.push_back(static_cast<char>(value));
    };
    append(0x08, static_cast<std::uint64_t>(seconds.count()));
    append(0x10, static_cast<std::uint64_t>(nanos.count()));
    return content;
}

grpc::ByteBuffer encode_data_response(MessageBuilder& builder, const log::DataItem& item) {
    const std::string time = encode_timestamp(item.received.wall);
    builder.header(response_data, MessageBuilder::number_size(item.offset) + MessageBuilder::field_size(time.size()) +
                                      MessageBuilder::field_size(item.size));
    builder.number(data_offset, item.offset);
    // Not in numeric order, which protobuf allows: so the header is contiguous and the payload ends the message.
    builder.header(data_receive_time, time.size());
    builder.raw(time);
    builder.header(data_bytes, item.size);
    for (const log::Slice& slice : item.slices) builder.payload(slice);
    return builder.take();
}

void append_data_record(MessageBuilder& builder, std::string_view port, const log::DataItem& item) {
    const std::string time = encode_timestamp(item.received.wall);
    builder.header(collect_records, MessageBuilder::field_size(port.size()) + MessageBuilder::number_size(item.offset) +
                                        MessageBuilder::field_size(time.size()) +
                                        MessageBuilder::field_size(item.size));
    builder.header(record_port, port.size());
    builder.raw(port);
    builder.number(record_offset, item.offset);
    builder.header(record_receive_time, time.size());
    builder.raw(time);
    builder.header(record_data, item.size);
    for (const log::Slice& slice : item.slices) builder.payload(slice);
}

void append_record(MessageBuilder& builder, const google::protobuf::MessageLite& record) {
    const std::string content = record.SerializeAsString();
    builder.header(collect_records, content.size());
    builder.raw(content);
}

grpc::ByteBuffer to_buffer(const google::protobuf::MessageLite& message) {
    const std::string content = message.SerializeAsString();
    const grpc::Slice slice(content.data(), content.size());
    return grpc::ByteBuffer(&slice, 1);
}

bool parse(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message) {
    message.Clear();
    if (buffer.Length() == 0) return true;
    grpc::ByteBuffer readable(buffer);  // the reader needs a non-const buffer; the copy shares the bytes
    grpc::ProtoBufferReader reader(&readable);
    return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace vserd::rpc
