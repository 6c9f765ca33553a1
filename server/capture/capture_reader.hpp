#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "capture/capture.hpp"

namespace vserd::capture {

/// Reads a capture, a line at a time: the file may be larger than the memory. Checks that nothing is missing. The messages of
/// errors begin with "FILE:LINE: " and say what to do; after one, only rewind() is of use. Reads from the disk. One thread at
/// a time.
class CaptureReader {
public:
    /// Reads the header.
    static Result<CaptureReader> open(const std::string& path);
    /// The same for a regular file that is open, with that name in messages.
    static Result<CaptureReader> read(base::Fd file, std::string name);

    const Header& header() const noexcept { return header_; }
    /// Empty at the end.
    Result<std::optional<Record>> next();
    /// Begins anew.
    Result<void> rewind();

private:
    CaptureReader(base::Fd file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

    Result<std::optional<std::string_view>> next_line();
    Result<bool> fill();
    Result<void> check(const Record& record);
    Result<void> check_order(Direction direction, std::uint64_t from, std::uint64_t to);
    Result<void> check_end(const End& end);
    Error wrong(const std::string& what) const;

    base::Fd file_;
    std::string name_;
    Header header_;
    std::string buffer_;
    std::size_t begin_ = 0;  ///< of the next line in the buffer
    std::uint64_t file_at_ = 0;
    std::uint64_t line_ = 0;  ///< that was read last, from 1
    std::optional<std::uint64_t> rx_next_;
    std::optional<std::uint64_t> tx_next_;
    End counts_;
    bool ended_ = false;
};

}  // namespace vserd::capture
