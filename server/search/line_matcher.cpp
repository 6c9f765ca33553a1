#include "search/line_matcher.hpp"

#include <algorithm>

namespace vserd::search {

void LineMatcher::add(std::string_view bytes, Time received, std::vector<Hit>& hits) {
    drop_searched();
    buffer_.append(bytes, received);
    search_finished(hits);
}

void LineMatcher::drop_searched() {
    const std::uint64_t searched = line_ - buffer_.begin_offset();
    if (kept_bytes_ == 0) {
        if (searched > 0) buffer_.drop_before(line_);
    } else if (searched >= 2 * kept_bytes_) {  // seldom, because what is kept is moved
        buffer_.drop_before(buffer_.line_end(line_ - kept_bytes_));
    }
}

void LineMatcher::search_finished(std::vector<Hit>& hits) {
    for (;;) {
        std::uint64_t end = buffer_.finished_end(line_);
        if (end == line_) {  // unfinished, or longer than the maximum
            if (buffer_.end_offset() - line_ <= line_bytes_max) return;
            end = line_ + line_bytes_max;
        }
        search_lines(line_, end, hits);
        line_ = end;
    }
}

/// Requires lines that are finished, or one that is not.
void LineMatcher::search_lines(std::uint64_t from, std::uint64_t to, std::vector<Hit>& hits) {
    from = continue_hit(from, hits);
    auto text = buffer_.text(from, to);
    if (text.empty()) return;
    if (text.back() == '\n') text.remove_suffix(1);  // no empty line follows
    Found found{};
    for (std::size_t at = 0; at <= text.size() && find(text, at, found);) {
        if (buffer_.is_inside_terminator(from + found.span.from)) {  // which is no line
            at = found.span.from + 1;
            continue;
        }
        const std::size_t before = found.span.from == 0 ? text.npos : text.rfind('\n', found.span.from - 1);
        const std::size_t begin = before == text.npos ? 0 : before + 1;
        const std::size_t last = text.find('\n', found.span.to);
        const std::uint64_t end = last == text.npos ? to : buffer_.after_terminator(from + last);
        hits.push_back({from + begin, end, from + found.span.from, from + found.span.to, found.pattern});
        at = static_cast<std::size_t>(end - from);
        if (end == to) break;
    }
}

/// If the line at `from` was a hit already, adds its rest. Returns where the next line begins.
std::uint64_t LineMatcher::continue_hit(std::uint64_t from, std::vector<Hit>& hits) {
    if (!is_hit_) return from;
    is_hit_ = false;
    const std::uint64_t end = buffer_.line_end(from);
    if (end > paused_at_) hits.push_back({paused_at_, end, paused_at_, paused_at_, 0, true});
    return end;
}

void LineMatcher::pause(std::vector<Hit>& hits) {
    const std::uint64_t end = buffer_.end_offset();
    if (!has_unsearched()) return;
    if (is_hit_) {
        hits.push_back({paused_at_, end, paused_at_, paused_at_, 0, true});
    } else {
        const std::size_t before = hits.size();
        search_lines(line_, end, hits);
        is_hit_ = hits.size() > before;
    }
    paused_at_ = end;
}

void LineMatcher::finish(std::vector<Hit>& hits) {
    buffer_.end();
    search_finished(hits);
    if (line_ < buffer_.end_offset()) search_lines(line_, buffer_.end_offset(), hits);
}

void LineMatcher::restart(std::uint64_t offset) {
    buffer_.restart(offset);
    line_ = paused_at_ = offset;
    is_hit_ = false;
}

bool LineMatcher::find(std::string_view text, std::size_t from, Found& found) const {
    bool any = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
        const auto span = patterns_[i].find(text, from);
        if (!span || (any && span->from >= found.span.from)) continue;
        found = {*span, i};
        any = true;
    }
    return any;
}

}  // namespace vserd::search
