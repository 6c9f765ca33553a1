#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

/// vser.v1 messages as bytes, without protobuf's objects: what the bench measures is the server, not its own parsing.
namespace vserd::bench::wire {

grpc::ByteBuffer attach_open(std::string_view port);
grpc::ByteBuffer attach_data(std::span<const std::byte> bytes);
grpc::ByteBuffer read_request(std::string_view port);  ///< live, follow
grpc::ByteBuffer collect_all();                        ///< live

using Take = std::function<void(std::span<const std::byte>)>;

/// The payload of an AttachResponse or ReadResponse, piece by piece. False: it is a gap, or not such a message.
bool take_item(const grpc::ByteBuffer& message, const Take& take);

/// The payloads of a CollectResponse. False as above.
bool take_records(const grpc::ByteBuffer& message,
                  const std::function<void(std::string_view port, std::span<const std::byte>)>& take);

}  // namespace vserd::bench::wire
