#include "capture/capture_writer.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "capture/capture_lines.hpp"

namespace vserd::capture {

Result<void> CaptureWriter::begin(const Header& header) { return put_(to_line(header)); }

Result<void> CaptureWriter::add(const Record& record) {
    const auto* data = std::get_if<Data>(&record.content);
    if (data == nullptr || data->bytes.size() <= data_bytes_max) return add_piece(record);
    std::span left(data->bytes);
    for (std::uint64_t offset = data->offset; !left.empty();) {
        const auto piece = left.first(std::min(left.size(), data_bytes_max));
        Record part{record.time, Data{data->direction, offset, {piece.begin(), piece.end()}}};
        if (auto added = add_piece(part); !added) return added;
        offset += piece.size();
        left = left.subspan(piece.size());
    }
    return {};
}

Result<void> CaptureWriter::add_piece(const Record& record) {
    ++counts_.records;
    if (const auto* data = std::get_if<Data>(&record.content))
        (data->direction == Direction::rx ? counts_.rx_bytes : counts_.tx_bytes) += data->bytes.size();
    return put_(to_line(record));
}

Result<void> CaptureWriter::end() { return put_(to_line(counts_)); }

}  // namespace vserd::capture
