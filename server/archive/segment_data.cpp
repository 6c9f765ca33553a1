#include "archive/segment_data.hpp"

#include <fcntl.h>

#include <cerrno>

#include "archive/files.hpp"

namespace vserd::archive {

/// Sealing creates the sealed file before it removes the plain one, so this order finds one of them.
Result<SegmentData> SegmentData::open(const SegmentPaths& paths) {
    SegmentData data;
    auto plain = open_file(paths.log, O_RDONLY);
    if (plain) {
        data.path_ = paths.log;
        data.plain_ = std::move(*plain);
        return data;
    }
    if (plain.error().errno_value != ENOENT) return plain.error();
    auto sealed = SealedLog::open(paths.sealed);
    if (!sealed) return sealed.error();
    data.sealed_ = std::move(*sealed);
    return data;
}

Result<void> SegmentData::read(std::uint64_t position, std::span<std::byte> bytes) {
    if (sealed_) return sealed_->read(position, bytes);
    const auto got = read_at(plain_, bytes, position, path_);
    if (!got) return got.error();
    if (*got < bytes.size()) return Error{Failure::invalid_argument, 0, {}, path_ + " is too short"};
    return {};
}

}  // namespace vserd::archive
