#include "capture/capture_reader.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "capture/capture_lines.hpp"

namespace vserd::capture {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} << 10U;

}  // namespace

Result<CaptureReader> CaptureReader::open(const std::string& path) {
    base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));  // does not wait for a FIFO
    if (!file) return errno_error("the capture " + path + " cannot be opened");
    return read(std::move(file), path);
}

Result<CaptureReader> CaptureReader::read(base::Fd file, std::string name) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return Error{Failure::invalid_argument, 0, "file",
                     name + " is not a regular file; name a file that vserctl archive export has written"};
    CaptureReader reader(std::move(file), std::move(name));
    if (auto begun = reader.rewind(); !begun) return begun.error();
    return reader;
}

Result<void> CaptureReader::rewind() {
    buffer_.clear();
    begin_ = 0;
    file_at_ = line_ = 0;
    rx_next_ = tx_next_ = std::nullopt;
    counts_ = {};
    ended_ = false;
    const auto line = next_line();
    if (!line) return line.error();
    if (!*line) return wrong("the file is empty; make a capture with vserctl archive export");
    auto header = parse_header(**line);
    if (!header) return wrong(header.error().message);
    header_ = *std::move(header);
    return {};
}

Result<std::optional<Record>> CaptureReader::next() {
    if (ended_) return std::optional<Record>();
    const auto line = next_line();
    if (!line) return line.error();
    if (!*line) return wrong("the file ends before its last line: it was cut off; export or copy it again");
    auto parsed = parse_line(**line);
    if (!parsed) return wrong(parsed.error().message);
    if (const auto* end = std::get_if<End>(&*parsed)) {
        if (auto checked = check_end(*end); !checked) return checked.error();
        ended_ = true;
        return std::optional<Record>();
    }
    auto& record = std::get<Record>(*parsed);
    if (auto checked = check(record); !checked) return checked.error();
    return std::optional(std::move(record));
}

/// The line is valid until the next call. Empty at the end of the file.
Result<std::optional<std::string_view>> CaptureReader::next_line() {
    ++line_;
    for (std::size_t searched = begin_;;) {
        const std::size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            const std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
            begin_ = end + 1;
            return std::optional(line);
        }
        if (buffer_.size() - begin_ > line_bytes_max)
            return wrong(fmt::format("is longer than {} bytes; this is not a capture of vserd", line_bytes_max));
        buffer_.erase(0, begin_);
        begin_ = 0;
        searched = buffer_.size();
        const auto more = fill();
        if (!more) return more.error();
        if (*more) continue;
        if (!buffer_.empty()) return wrong("has no end: the file was cut off; export or copy it again");
        return std::optional<std::string_view>();
    }
}

/// Whether there was more in the file.
Result<bool> CaptureReader::fill() {
    const std::size_t size = buffer_.size();
    buffer_.resize(size + read_bytes);
    ssize_t got = -1;
    do {
        got = ::pread(file_.get(), buffer_.data() + size, read_bytes, static_cast<off_t>(file_at_));
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return errno_error("the capture " + name_ + " cannot be read", error);
    file_at_ += static_cast<std::uint64_t>(got);
    return got > 0;
}

Result<void> CaptureReader::check(const Record& record) {
    ++counts_.records;
    if (const auto* gap = std::get_if<Gap>(&record.content)) return check_order(gap->direction, gap->from, gap->to);
    const auto* data = std::get_if<Data>(&record.content);
    if (data == nullptr) return {};
    (data->direction == Direction::rx ? counts_.rx_bytes : counts_.tx_bytes) += data->bytes.size();
    return check_order(data->direction, data->offset, data->offset + data->bytes.size());
}

Result<void> CaptureReader::check_order(Direction direction, std::uint64_t from, std::uint64_t to) {
    auto& next = direction == Direction::rx ? rx_next_ : tx_next_;
    if (next && from != *next)
        return wrong(
            fmt::format("{} continues at offset {} instead of {}: a line is missing or in the wrong place; export "
                        "or copy the file again",
                        name_of(direction), from, *next));
    next = to;
    return {};
}

Result<void> CaptureReader::check_end(const End& end) {
    if (end != counts_)
        return wrong(fmt::format("counts {} records, and the file has {}: lines are missing; export or copy it again",
                                 end.records, counts_.records));
    const auto more = next_line();
    if (!more) return more.error();
    if (*more) return wrong("follows the last line of the capture; remove what is behind it");
    return {};
}

Error CaptureReader::wrong(const std::string& what) const {
    return {Failure::invalid_argument, 0, "file", fmt::format("{}:{}: {}", name_, line_, what)};
}

}  // namespace vserd::capture
