#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "log/byte_log.hpp"

namespace vserd::rpc {

/// Payloads shorter than this are copied into the message. For longer ones the message refers to the log's memory.
inline constexpr std::size_t copied_payload_bytes_max = 255;

/// Encodes the protobuf wire format by hand (https://protobuf.dev/programming-guides/encoding), for the messages on the byte
/// path: the payload stays in the log's memory, and the message holds a reference to it. Reusable after take().
class MessageBuilder {
public:
    void varint(std::uint64_t value);
    /// A varint field; zero is omitted, as in proto3.
    void number(std::uint32_t field, std::uint64_t value);
    /// The key and length of a string, bytes or message field; `size` bytes of content must follow.
    void header(std::uint32_t field, std::size_t size);
    void raw(std::string_view content) { open_.append(content); }
    void payload(const log::Slice& slice);
    /// Bytes so far.
    std::size_t size() const noexcept { return closed_size_ + open_.size(); }
    grpc::ByteBuffer take();

    static std::size_t varint_size(std::uint64_t value) noexcept;
    /// The number of bytes that number() adds.
    static std::size_t number_size(std::uint64_t value) noexcept { return value == 0 ? 0 : 1 + varint_size(value); }
    /// The number of bytes that header() and its content add.
    static std::size_t field_size(std::size_t size) noexcept { return 1 + varint_size(size) + size; }

private:
    void close();

    boost::container::small_vector<grpc::Slice, 8> slices_;
    std::string open_;  ///< the contiguous end of the message
    std::size_t closed_size_ = 0;
};

/// The content of a google.protobuf.Timestamp.
std::string encode_timestamp(log::WallTime time);

/// The whole response with the data of `item`. It is valid as ReadResponse and as AttachResponse.
grpc::ByteBuffer encode_data_response(MessageBuilder& builder, const log::DataItem& item);

/// Appends one record of a CollectResponse with the bytes of `item`.
void append_data_record(MessageBuilder& builder, std::string_view port, const log::DataItem& item);
/// Appends one record of a CollectResponse.
void append_record(MessageBuilder& builder, const google::protobuf::MessageLite& record);

grpc::ByteBuffer to_buffer(const google::protobuf::MessageLite& message);
/// Whether `buffer` held a message of this type.
bool parse(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message);

}  // namespace vserd::rpc
