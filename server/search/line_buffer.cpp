#include "search/line_buffer.hpp"

#include <algorithm>

namespace vserd::search {

void LineBuffer::append(std::string_view bytes, Time received) {
    if (bytes.empty()) return;
    end();
    if (bytes.back() == '\r') {
        cr_kept_ = true;
        cr_received_ = received;
        bytes.remove_suffix(1);
        if (bytes.empty()) return;
    }
    const std::size_t before = text_.size();
    bytes_ += bytes;
    text_ += bytes;
    std::replace(text_.begin() + static_cast<std::ptrdiff_t>(before), text_.end(), '\r', '\n');
    times_.push_back({end_offset(), received});
}

void LineBuffer::end() {
    if (!cr_kept_) return;
    cr_kept_ = false;
    bytes_ += '\r';
    text_ += '\n';
    times_.push_back({end_offset(), cr_received_});
}

void LineBuffer::restart(std::uint64_t offset) {
    begin_ = offset;
    bytes_.clear();
    text_.clear();
    times_.clear();
    cr_kept_ = false;
}

void LineBuffer::drop_before(std::uint64_t offset) {
    const auto size = static_cast<std::size_t>(offset - begin_);
    bytes_.erase(0, size);
    text_.erase(0, size);
    begin_ = offset;
    while (!times_.empty() && times_.front().end <= offset) times_.pop_front();
}

Time LineBuffer::received(std::uint64_t offset) const {
    const auto found = std::upper_bound(times_.begin(), times_.end(), offset,
                                        [](std::uint64_t at, const Received& r) { return at < r.end; });
    return found == times_.end() ? Time{} : found->time;
}

std::uint64_t LineBuffer::finished_end(std::uint64_t from) const {
    while (from < end_offset()) {
        const auto window = text(from, std::min(end_offset(), from + line_bytes_max + 1));
        const std::size_t last = window.rfind('\n');
        if (last == window.npos) break;
        from = after_terminator(from + last);
    }
    return from;
}

std::uint64_t LineBuffer::line_end(std::uint64_t from) const {
    const auto window = text(from, std::min(end_offset(), from + line_bytes_max + 1));
    const std::size_t last = window.find('\n');
    if (last == window.npos) return from + std::min(window.size(), line_bytes_max);
    return after_terminator(from + last);
}

std::optional<std::uint64_t> LineBuffer::previous_line(std::uint64_t end, std::uint64_t least) const {
    if (end <= least) return std::nullopt;
    std::uint64_t last = end - 1;  // the end of the line without its terminator
    if (is_inside_terminator(last) && last > least) --last;
    const std::size_t before = text(least, last).rfind('\n');
    return before == std::string_view::npos ? least : least + before + 1;
}

std::uint64_t LineBuffer::after_terminator(std::uint64_t last) const {
    return is_inside_terminator(last + 1) ? last + 2 : last + 1;
}

bool LineBuffer::is_inside_terminator(std::uint64_t offset) const {
    return offset > begin_ && offset < end_offset() && is(offset - 1, '\r') && is(offset, '\n');
}

}  // namespace vserd::search
