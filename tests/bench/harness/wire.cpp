#include "harness/wire.hpp"

#include <algorithm>
#include <vector>

namespace vserd::bench::wire {
namespace {

// Field numbers of proto/vser/v1.
constexpr std::uint32_t attach_open_field = 1;
constexpr std::uint32_t attach_data_field = 2;
constexpr std::uint32_t item_data_field = 1;
constexpr std::uint32_t item_gap_field = 3;
constexpr std::uint32_t data_bytes_field = 2;
constexpr std::uint32_t read_follow_field = 3;
constexpr std::uint32_t collect_all_field = 2;
constexpr std::uint32_t records_field = 1;
constexpr std::uint32_t record_data_field = 3;
constexpr std::uint32_t record_port_field = 1;
constexpr std::uint32_t record_gap_field = 4;

constexpr std::uint32_t varint_type = 0;
constexpr std::uint32_t bytes_type = 2;

void put_varint(std::string& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
    to += static_cast<char>(value);
}

void put_bytes(std::string& to, std::uint32_t field, std::string_view bytes) {
    put_varint(to, field << 3 | bytes_type);
    put_varint(to, bytes.size());
    to += bytes;
}

void put_number(std::string& to, std::uint32_t field, std::uint64_t value) {
    put_varint(to, field << 3 | varint_type);
    put_varint(to, value);
}

grpc::ByteBuffer buffer(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return {&slice, 1};
}

/// Walks the slices of a message without joining them.
class Walk {
public:
    explicit Walk(const grpc::ByteBuffer& message) { ok_ = message.Dump(&slices_).ok(); }

    bool ok() const { return ok_; }
    std::uint64_t position() const { return position_; }
    bool at_end() {
        while (slice_ < slices_.size() && at_ == slices_[slice_].size()) {
            ++slice_;
            at_ = 0;
        }
        return slice_ == slices_.size();
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (at_end()) break;
            const std::uint8_t byte = slices_[slice_].begin()[at_++];
            ++position_;
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        ok_ = false;
        return 0;
    }

    void bytes(std::uint64_t size, const Take& take) {
        while (size > 0) {
            if (at_end()) {
                ok_ = false;
                return;
            }
            const std::size_t piece = std::min<std::uint64_t>(size, slices_[slice_].size() - at_);
            if (take) take(std::as_bytes(std::span(slices_[slice_].begin() + at_, piece)));
            at_ += piece;
            position_ += piece;
            size -= piece;
        }
    }

    void skip(std::uint64_t key) {
        if ((key & 7) == varint_type) {
            varint();
        } else if ((key & 7) == bytes_type) {
            bytes(varint(), {});
        } else {
            ok_ = false;
        }
    }

private:
    std::vector<grpc::Slice> slices_;
    std::size_t slice_ = 0;
    std::size_t at_ = 0;
    std::uint64_t position_ = 0;
    bool ok_ = false;
};

constexpr std::uint64_t key(std::uint32_t field) { return field << 3 | bytes_type; }

}  // namespace

grpc::ByteBuffer attach_open(std::string_view port) {
    std::string open;
    put_bytes(open, 1, port);
    std::string message;
    put_bytes(message, attach_open_field, open);
    return buffer(message);
}

grpc::ByteBuffer attach_data(std::span<const std::byte> bytes) {
    std::string message;
    message.reserve(bytes.size() + 8);
    put_bytes(message, attach_data_field, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return buffer(message);
}

grpc::ByteBuffer read_request(std::string_view port) {
    std::string message;
    put_bytes(message, 1, port);
    put_number(message, read_follow_field, 1);
    return buffer(message);
}

grpc::ByteBuffer collect_all() {
    std::string message;
    put_number(message, collect_all_field, 1);
    return buffer(message);
}

bool take_item(const grpc::ByteBuffer& message, const Take& take) {
    Walk walk(message);
    while (walk.ok() && !walk.at_end()) {
        const std::uint64_t tag = walk.varint();
        if (tag == key(item_gap_field)) return false;
        if (tag != key(item_data_field)) {
            walk.skip(tag);
            continue;
        }
        const std::uint64_t size = walk.varint();
        const std::uint64_t end = walk.position() + size;
        while (walk.ok() && walk.position() < end) {
            const std::uint64_t inner = walk.varint();
            if (inner == key(data_bytes_field)) {
                walk.bytes(walk.varint(), take);
            } else {
                walk.skip(inner);
            }
        }
    }
    return walk.ok();
}

bool take_records(const grpc::ByteBuffer& message,
                  const std::function<void(std::string_view, std::span<const std::byte>)>& take) {
    Walk walk(message);
    std::string port;
    while (walk.ok() && !walk.at_end()) {
        const std::uint64_t tag = walk.varint();
        if (tag != key(records_field)) {
            walk.skip(tag);
            continue;
        }
        const std::uint64_t size = walk.varint();
        const std::uint64_t end = walk.position() + size;
        while (walk.ok() && walk.position() < end) {
            const std::uint64_t inner = walk.varint();
            if (inner == key(record_port_field)) {
                port.clear();
                walk.bytes(walk.varint(), [&](std::span<const std::byte> piece) {
                    port.append(reinterpret_cast<const char*>(piece.data()), piece.size());
                });
            } else if (inner == key(record_data_field)) {
                walk.bytes(walk.varint(), [&](std::span<const std::byte> piece) { take(port, piece); });
            } else if (inner == key(record_gap_field)) {
                return false;
            } else {
                walk.skip(inner);
            }
        }
    }
    return walk.ok();
}

}  // namespace vserd::bench::wire
