#include "archive/sealed_log.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <algorithm>
#include <new>

#include "archive/files.hpp"

namespace vserd::archive {

void SealedLog::FreeContext::operator()(ZSTD_DCtx_s* context) const noexcept { ZSTD_freeDCtx(context); }

Result<SealedLog> SealedLog::open(std::string path) {
    SealedLog log(std::move(path));
    auto file = open_file(log.path_, O_RDONLY);
    if (!file) return file.error();
    log.file_ = std::move(*file);
    if (auto read = log.read_table(); !read) {
        Error error = read.error();
        if (error.failure == Failure::invalid_argument) error.message = log.path_ + " " + error.message;
        return error;
    }
    log.context_.reset(ZSTD_createDCtx());
    if (!log.context_) throw std::bad_alloc();
    return log;
}

Result<void> SealedLog::read_table() {
    const auto size = size_of(file_, path_);
    if (!size) return size.error();
    Bytes footer(seek_footer_bytes);
    auto got = read_at(file_, footer, *size - std::min<std::uint64_t>(*size, footer.size()), path_);
    if (!got) return got.error();
    const auto table_bytes = SeekTable::bytes_of(ByteView(footer).first(*got), *size);
    if (!table_bytes) return table_bytes.error();
    Bytes table(*table_bytes);
    got = read_at(file_, table, *size - table.size(), path_);
    if (!got) return got.error();
    auto unpacked = SeekTable::unpacked(ByteView(table).first(*got), *size);
    if (!unpacked) return unpacked.error();
    table_ = std::move(*unpacked);
    return {};
}

Result<void> SealedLog::read(std::uint64_t position, std::span<std::byte> bytes) {
    if (position > size() || bytes.size() > size() - position)
        return Error{Failure::invalid_argument, 0, {}, path_ + " is too short"};
    while (!bytes.empty()) {
        const std::size_t frame = table_.frame_at(position);
        if (auto loaded = load_frame(frame); !loaded) return loaded;
        const std::size_t begin = position - table_.frames()[frame].at;
        const std::size_t count = std::min(bytes.size(), frame_.size() - begin);
        std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(begin), count, bytes.begin());
        bytes = bytes.subspan(count);
        position += count;
    }
    return {};
}

Result<void> SealedLog::load_frame(std::size_t frame) {
    if (!frame_.empty() && loaded_ == frame) return {};
    const SeekTable::Frame& place = table_.frames()[frame];
    frame_.clear();
    stored_.resize(place.file_bytes);
    const auto got = read_at(file_, stored_, place.file_at, path_);
    if (!got) return got.error();
    if (*got < stored_.size()) return damaged(frame);
    frame_.resize(place.bytes);
    const std::size_t made =
        ZSTD_decompressDCtx(context_.get(), frame_.data(), frame_.size(), stored_.data(), stored_.size());
    if (ZSTD_isError(made) != 0 || made != frame_.size()) {
        frame_.clear();
        return damaged(frame);
    }
    loaded_ = frame;
    return {};
}

Error SealedLog::damaged(std::size_t frame) const {
    return {Failure::invalid_argument, 0, {}, path_ + " is damaged in frame " + std::to_string(frame)};
}

}  // namespace vserd::archive
