#include "rpc/read_stream.hpp"

#include <algorithm>
#include <limits>

#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {

ReadStream::ReadStream(StreamHost& host) : LogStream(host, Method::read) {
    host.service().RequestRead(&context(), &request_buffer_, &writer_, &host.queue(), &host.queue(), accept_tag());
}

void ReadStream::accepted() {
    new ReadStream(host());  // owns itself
    request_valid_ = take_request(request_buffer_, request_);
}

void ReadStream::begin() {
    if (!request_valid_) return finish(invalid_field("", "the request is not a vser.v1.ReadRequest"));
    if (!open(request_.port(), request_.from(), request_.encoding())) return;
    end_offset_ = port()->log().next_offset();
    end_event_ = port()->log().next_event();
    bytes_left_ = request_.max_bytes() == 0 ? std::numeric_limits<std::uint64_t>::max() : request_.max_bytes();
    send_headers();
}

std::size_t ReadStream::bytes_wanted() {
    std::uint64_t wanted = std::min<std::uint64_t>(bytes_left_, reply_payload_bytes_max);
    // Events may follow the last byte; accept() separates old events from new bytes.
    if (!request_.follow() && offset() < end_offset_) wanted = std::min(wanted, end_offset_ - offset());
    return static_cast<std::size_t>(wanted);
}

bool ReadStream::accept(const log::Item& item) {
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        if (!request_.follow() && data->offset >= end_offset_) return false;
        bytes_left_ -= data->size;
        return true;
    }
    if (const auto* event = std::get_if<log::EventItem>(&item)) return request_.follow() || event->number <= end_event_;
    return true;
}

}  // namespace vserd::rpc
