#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "archive/packing.hpp"
#include "archive/seek_table.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

struct ZSTD_DCtx_s;

namespace vserd::archive {

/// Reads BASE.log.zst. Keeps the frame that was read last, so that reading on does not decompress it again.
class SealedLog {
public:
    static Result<SealedLog> open(std::string path);

    std::uint64_t size() const noexcept { return table_.content_bytes(); }
    /// Fails if the file does not have all these bytes, or a frame is damaged.
    Result<void> read(std::uint64_t position, std::span<std::byte> bytes);

private:
    struct FreeContext {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };

    explicit SealedLog(std::string path) : path_(std::move(path)) {}
    Result<void> read_table();
    Result<void> load_frame(std::size_t frame);
    Error damaged(std::size_t frame) const;

    std::string path_;
    base::Fd file_;
    SeekTable table_;
    std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
    Bytes stored_;
    Bytes frame_;  // content of frame loaded_; empty: none is loaded
    std::size_t loaded_ = 0;
};

}  // namespace vserd::archive
