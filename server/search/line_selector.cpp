#include "search/line_selector.hpp"

#include <algorithm>

namespace vserd::search {

void LineSelector::add(std::string_view bytes, Time received) {
    matcher_.add(bytes, received, hits_);
    select(matcher_.line());
}

void LineSelector::pause() {
    matcher_.pause(hits_);
    select(matcher_.line());
}

void LineSelector::finish() {
    matcher_.finish(hits_);
    select(matcher_.buffer().end_offset());
}

void LineSelector::restart(std::uint64_t offset) {
    matcher_.restart(offset);
    selected_to_ = offset;
    after_left_ = 0;
}

std::vector<Line> LineSelector::take() {
    std::vector<Line> lines;
    lines.swap(lines_);
    return lines;
}

void LineSelector::select(std::uint64_t finished_end) {
    for (const Hit& hit : hits_) {
        select_after(hit.line_from);
        if (!hit.continues) select_before(hit.line_from);
        select_hit(hit);
    }
    hits_.clear();
    select_after(finished_end);
}

void LineSelector::select_after(std::uint64_t end) {
    for (; after_left_ > 0 && selected_to_ < end; --after_left_) {
        add_line(selected_to_, std::min(end, matcher_.buffer().line_end(selected_to_)));
    }
}

void LineSelector::select_before(std::uint64_t line_from) {
    const LineBuffer& buffer = matcher_.buffer();
    const std::uint64_t least = std::max(
        {selected_to_, buffer.begin_offset(), line_from - std::min<std::uint64_t>(line_from, context_bytes_max)});
    std::uint64_t begin = line_from;
    for (std::uint32_t i = 0; i < context_.before; ++i) {
        const auto previous = buffer.previous_line(begin, least);
        if (!previous) break;
        begin = *previous;
    }
    while (begin < line_from) {
        const std::uint64_t end = std::min(line_from, buffer.line_end(begin));
        add_line(begin, end);
        begin = end;
    }
}

void LineSelector::select_hit(const Hit& hit) {
    add_line(hit.line_from, hit.line_to);
    after_left_ = context_.after;
    if (hit.continues) return;
    const auto text = matcher_.buffer().text(hit.line_from, hit.line_to);
    const Span span{static_cast<std::size_t>(hit.from - hit.line_from),
                    static_cast<std::size_t>(hit.to - hit.line_from)};
    auto groups = matcher_.patterns()[hit.pattern].groups(text, span);
    lines_.back().match = Match{hit.pattern, hit.from, hit.to, std::move(groups)};
}

void LineSelector::add_line(std::uint64_t from, std::uint64_t to) {
    const LineBuffer& buffer = matcher_.buffer();
    lines_.push_back({from, std::string(buffer.bytes(from, to)), buffer.received(to - 1), std::nullopt});
    selected_to_ = to;
}

}  // namespace vserd::search
