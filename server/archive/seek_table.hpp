#pragma once

#include <cstdint>
#include <vector>

#include "archive/packing.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// Sealed segments have frames of this size; a reader accepts up to frame_bytes_max.
inline constexpr std::size_t frame_bytes = std::size_t{256} << 10U;
inline constexpr std::size_t frame_bytes_max = std::size_t{1} << 20U;
inline constexpr std::size_t frames_max = 65536;
inline constexpr std::size_t seek_footer_bytes = 9;

/// Where the frames of a file in zstd's seekable format are (contrib/seekable_format/zstd_seekable_compression_format.md):
/// the table is in a skippable frame at the end, so that every zstd reads the file.
class SeekTable {
public:
    struct Frame {
        std::uint64_t file_at = 0;
        std::uint32_t file_bytes = 0;
        std::uint64_t at = 0;  ///< its first byte in the content
        std::uint32_t bytes = 0;
    };

    void add(std::size_t file_bytes, std::size_t content_bytes);
    Bytes packed() const;

    /// The size of the table that ends with this footer of seek_footer_bytes, for a file of that size.
    static Result<std::size_t> bytes_of(ByteView footer, std::uint64_t file_bytes);
    /// Reads the table. `file_bytes` is the size of the whole file: the frames must fill it.
    static Result<SeekTable> unpacked(ByteView table, std::uint64_t file_bytes);

    const std::vector<Frame>& frames() const noexcept { return frames_; }
    std::uint64_t content_bytes() const noexcept {
        return frames_.empty() ? 0 : frames_.back().at + frames_.back().bytes;
    }
    /// The frame that has the byte at `position`; requires position < content_bytes().
    std::size_t frame_at(std::uint64_t position) const noexcept;

private:
    std::vector<Frame> frames_;
};

}  // namespace vserd::archive
