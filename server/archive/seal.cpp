#include "archive/seal.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <new>

#include "archive/files.hpp"
#include "archive/index_file.hpp"
#include "archive/names.hpp"
#include "archive/sealed_log.hpp"
#include "archive/seek_table.hpp"

namespace vserd::archive {
namespace {

struct FreeCompressor {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

/// Compresses frames one after the other to a file.
class FrameWriter {
public:
    FrameWriter(base::Fd file, std::string path, int level)
        : file_(std::move(file)), path_(std::move(path)), context_(ZSTD_createCCtx()) {
        if (!context_) throw std::bad_alloc();
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);  // for zstdcat, which does not read the index
        stored_.resize(ZSTD_compressBound(frame_bytes));
    }

    Result<void> write(ByteView content) {
        const std::size_t size =
            ZSTD_compress2(context_.get(), stored_.data(), stored_.size(), content.data(), content.size());
        if (ZSTD_isError(size) != 0)
            return Error{Failure::io, 0, {}, "cannot compress " + path_ + ": " + ZSTD_getErrorName(size)};
        if (auto written = write_at(file_, ByteView(stored_).first(size), at_, path_); !written) return written;
        at_ += size;
        table_.add(size, content.size());
        return {};
    }
    Result<void> finish() {
        if (auto written = write_at(file_, table_.packed(), at_, path_); !written) return written;
        auto synced = sync_data(file_, path_);
        ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
        return synced;
    }

private:
    base::Fd file_;
    std::string path_;
    std::unique_ptr<ZSTD_CCtx, FreeCompressor> context_;
    Bytes stored_;
    std::uint64_t at_ = 0;
    SeekTable table_;
};

Result<void> compress(const base::Fd& plain, const std::string& path, FrameWriter& frames) {
    Bytes content(frame_bytes);
    for (std::uint64_t at = 0;;) {
        const auto got = read_at(plain, content, at, path);
        if (!got) return got.error();
        if (*got == 0) break;
        if (auto written = frames.write(ByteView(content).first(*got)); !written) return written;
        at += *got;
    }
    return frames.finish();
}

Result<void> write_sealed(const SegmentPaths& paths, const std::string& temporary, int level) {
    const auto plain = open_file(paths.log, O_RDONLY);
    if (!plain) return plain.error();
    auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    FrameWriter frames(std::move(*file), temporary, level);
    return compress(*plain, paths.log, frames);
}

/// How many bytes of the log the index counts.
Result<std::uint64_t> counted_bytes(const std::string& path) {
    auto index = IndexFile::open(path);
    if (!index) return index.error();
    const auto last = index->last();
    if (!last) return last.error();
    if (!*last) return std::uint64_t{0};
    const IndexRecord& head = (*last)->record.head;
    return std::uint64_t{head.position} + (head.kind == RecordKind::data ? head.length : 0);
}

/// A segment with both copies was being sealed, and the sealed one is complete: it has its name. The plain one goes only if
/// the sealed one has all that the index counts, in case somebody else made it.
Result<void> remove_one_copy(const std::string& port_directory, std::uint64_t base) {
    const SegmentPaths paths(port_directory, base);
    if (!exists(paths.log)) return {};
    const auto counted = counted_bytes(paths.index);
    const auto sealed = SealedLog::open(paths.sealed);
    const bool is_complete = counted && sealed && sealed->size() >= *counted;
    return remove_file(is_complete ? paths.log : paths.sealed);
}

/// Retention removes the data first.
Result<void> remove_without_data(const std::string& port_directory) {
    auto bases = segment_bases(port_directory);
    if (!bases) return bases.error();
    if (!bases->empty()) bases->pop_back();
    for (const std::uint64_t base : *bases) {
        const SegmentPaths paths(port_directory, base);
        if (exists(paths.log) || exists(paths.sealed)) continue;
        if (auto removed = remove_file(paths.index); !removed) return removed;
    }
    return {};
}

}  // namespace

Result<void> seal_segment(const std::string& port_directory, std::uint64_t base, int level) {
    const SegmentPaths paths(port_directory, base);
    const std::string temporary = paths.sealed + std::string(temporary_suffix);
    if (auto written = write_sealed(paths, temporary, level); !written) {
        if (!exists(paths.log) && exists(paths.sealed)) return {};
        remove_file(temporary);
        return written;
    }
    if (auto renamed = rename_file(temporary, paths.sealed); !renamed) return renamed;
    if (auto synced = sync_directory(port_directory); !synced) return synced;
    return remove_file(paths.log);
}

Result<void> remove_unfinished(const std::string& port_directory) {
    const auto names = names_in(port_directory);
    if (!names && names.error().errno_value == ENOENT) return {};
    if (!names) return names.error();
    for (const std::string& name : *names) {
        Result<void> done;
        if (name.ends_with(temporary_suffix)) done = remove_file(path_in(port_directory, name));
        if (const auto base = base_in(name, sealed_suffix)) done = remove_one_copy(port_directory, *base);
        if (!done) return done;
    }
    return remove_without_data(port_directory);
}

}  // namespace vserd::archive
