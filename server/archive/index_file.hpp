#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "archive/index_format.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// Reads BASE.idx, which a writer may be appending to. Only records whose checksums are right are returned. One thread at a
/// time.
class IndexFile {
public:
    /// Failure::invalid_argument: the file is not an index or its header is damaged. Failure::unsupported: another version of
    /// vserd wrote it.
    static Result<IndexFile> open(std::string path);

    const IndexHeader& header() const noexcept { return header_; }
    std::uint32_t seed() const noexcept { return seed_; }
    const std::string& path() const noexcept { return path_; }

    /// How many whole units the file has now.
    Result<std::uint64_t> units();

    struct Place {
        std::uint64_t unit = 0;
        Record record;
    };
    /// The first whole record that begins at `unit` or later and ends before `end`. Empty if there is none.
    Result<std::optional<Place>> next(std::uint64_t unit, std::uint64_t end);
    /// The last whole record before `end`.
    Result<std::optional<Place>> last(std::uint64_t end);
    /// Of all units that are there now.
    Result<std::optional<Place>> last();
    /// The first record that is not `before`, by bisection; `before` must hold for no record after one for which it does not.
    Result<std::optional<Place>> first_not(const std::function<bool(const Record&)>& before, std::uint64_t end);

private:
    IndexFile(base::Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

    Result<ByteView> unit_bytes(std::uint64_t unit);
    Result<std::optional<Record>> record_at(std::uint64_t unit, std::uint64_t end);
    Result<bool> read_payload(std::uint64_t unit, Record& record);

    base::Fd file_;
    std::string path_;
    IndexHeader header_;
    std::uint32_t seed_ = 0;
    Bytes window_;  // units from window_begin_ on
    std::uint64_t window_begin_ = 0;
};

}  // namespace vserd::archive
