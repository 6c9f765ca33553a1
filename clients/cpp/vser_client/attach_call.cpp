#include "vser_client/attach_call.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <array>
#include <string>
#include <utility>

namespace vser::client {
namespace {

// Below this size a copy costs less than a second slice.
constexpr std::size_t copy_bytes_max = 1024;

/// A slice that owns the string.
grpc::Slice to_slice(std::string&& bytes) {
    if (bytes.size() <= copy_bytes_max) return grpc::Slice(bytes);
    auto owner = std::make_unique<std::string>(std::move(bytes));
    auto* data = owner->data();
    const auto size = owner->size();
    return grpc::Slice(
        data, size, [](void* string) { delete static_cast<std::string*>(string); }, owner.release());
}

/// Serializes AttachRequest{data: bytes}: the field's key, its length, the bytes.
grpc::ByteBuffer frame_data(std::string&& bytes) {
    using google::protobuf::io::CodedOutputStream;
    constexpr std::uint8_t length_delimited = 2;
    std::array<std::uint8_t, 1 + 5> header{};
    header[0] = (v1::AttachRequest::kDataFieldNumber << 3) | length_delimited;
    const auto* end = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(bytes.size()), &header[1]);
    const auto header_size = static_cast<std::size_t>(end - header.data());

    if (bytes.size() <= copy_bytes_max) {
        bytes.insert(0, reinterpret_cast<const char*>(header.data()), header_size);
        const grpc::Slice whole(bytes);
        return grpc::ByteBuffer(&whole, 1);
    }
    const std::array slices{grpc::Slice(header.data(), header_size), to_slice(std::move(bytes))};
    return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace

AttachCall::AttachCall(const std::shared_ptr<grpc::ChannelInterface>& channel, grpc::CompletionQueue& queue)
    : stub_(channel), stream_(stub_.PrepareCall(&context_, "/vser.v1.ConsoleService/Attach", &queue)) {}

void AttachCall::write(Coalescer::Message&& message) {
    if (message.is_command) {
        const auto slice = to_slice(std::move(message.bytes));
        stream_->Write(grpc::ByteBuffer(&slice, 1), tag(Step::written));
    } else {
        stream_->Write(frame_data(std::move(message.bytes)), tag(Step::written));
    }
}

bool AttachCall::take(v1::AttachResponse& out) {
    grpc::ProtoBufferReader reader(&received_);
    const bool parsed = reader.status().ok() && out.ParseFromZeroCopyStream(&reader);
    received_.Clear();
    return parsed;
}

}  // namespace vser::client
