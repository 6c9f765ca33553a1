#include "web/window.hpp"

#include <google/protobuf/io/coded_stream.h>

#include "vser/v1/console_service.pb.h"

namespace vserd::web {
namespace {

using google::protobuf::io::CodedInputStream;

// The first fields of Data and Text, which are the same.
constexpr std::uint32_t offset_field = 1;
constexpr std::uint32_t payload_field = 2;

constexpr std::uint32_t varint_tag(std::uint32_t field) { return field << 3U; }
constexpr std::uint32_t bytes_tag(std::uint32_t field) { return (field << 3U) | 2U; }

}  // namespace

/// Everything before the payload is in the first piece: see rpc/wire.
std::optional<LogRange> log_range_of(const hub::WireMessage& response) {
    if (response.pieces.empty()) return std::nullopt;
    const auto& first = response.pieces.front();
    CodedInputStream input(reinterpret_cast<const std::uint8_t*>(first.data()), static_cast<int>(first.size()));
    std::uint32_t size = 0;
    const std::uint32_t item = input.ReadTag();
    if (item != bytes_tag(::vser::v1::AttachResponse::kDataFieldNumber) &&
        item != bytes_tag(::vser::v1::AttachResponse::kTextFieldNumber))
        return std::nullopt;
    if (!input.ReadVarint32(&size)) return std::nullopt;
    LogRange range;
    for (std::uint32_t tag = input.ReadTag(); tag != 0; tag = input.ReadTag()) {
        if (tag == varint_tag(offset_field)) {  // absent if it is 0
            if (!input.ReadVarint64(&range.begin)) return std::nullopt;
            continue;
        }
        if ((tag & 7U) != 2 || !input.ReadVarint32(&size)) return std::nullopt;
        range.end = range.begin + size;
        if (tag == bytes_tag(payload_field)) return range;
        if (!input.Skip(static_cast<int>(size))) return std::nullopt;  // the time, which comes first
    }
    return std::nullopt;
}

std::optional<std::uint64_t> acknowledged_in(std::string_view request) {
    CodedInputStream input(reinterpret_cast<const std::uint8_t*>(request.data()), static_cast<int>(request.size()));
    std::uint64_t offset = 0;
    if (input.ReadTag() != varint_tag(::vser::v1::AttachRequest::kAcknowledgedFieldNumber)) return std::nullopt;
    if (!input.ReadVarint64(&offset) || input.CurrentPosition() != static_cast<int>(request.size()))
        return std::nullopt;
    return offset;
}

}  // namespace vserd::web
