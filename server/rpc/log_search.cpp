#include "rpc/log_search.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace vserd::rpc {
namespace {

/// Items of the log in one slice: with exact times they may be small.
constexpr std::size_t pieces_max = 1024;
constexpr std::size_t slice_bytes_min = 4096;
/// Slices become smaller where the pattern is slow, so that other searches get their turn, and where many lines match.
constexpr std::chrono::milliseconds slice_time_max{4};
constexpr std::size_t slice_items_max = 500;

}  // namespace

struct LogSearch::Slice {
    std::vector<log::DataItem> data;
    std::optional<log::GapItem> gap;  ///< after the data
    bool silent = false;              ///< then the unfinished line is searched
    bool last = false;                ///< then the rest is searched
};

struct LogSearch::Shared {
    Shared(search::Patterns patterns, std::uint64_t offset, const search::Context& context)
        : selector(std::move(patterns), offset, context) {}

    void search(const Slice& slice);
    void search_slice(const Slice& slice);
    void take_lines();

    search::LineSelector selector;
    std::vector<Item> items;
    search::Time received;                        ///< the end of the last slice
    std::chrono::steady_clock::duration took{0};  ///< the last slice
};

void LogSearch::Shared::search(const Slice& slice) {
    const auto begin = std::chrono::steady_clock::now();
    search_slice(slice);
    took = std::chrono::steady_clock::now() - begin;
}

void LogSearch::Shared::search_slice(const Slice& slice) {
    if (!slice.data.empty()) received = slice.data.back().received.wall;
    for (const log::DataItem& item : slice.data) {
        for (const log::Slice& piece : item.slices) {
            selector.add({reinterpret_cast<const char*>(piece.data), piece.size}, item.received.wall);
        }
    }
    if (slice.silent) selector.pause();
    if (slice.last || slice.gap) selector.finish();
    take_lines();
    if (!slice.gap) return;
    items.emplace_back(*slice.gap);
    selector.restart(slice.gap->to);
}

void LogSearch::Shared::take_lines() {
    for (search::Line& line : selector.take()) items.emplace_back(std::move(line));
}

LogSearch::LogSearch(Environment& environment, const ReadEnd& end, Hooks hooks)
    : environment_(environment), end_(end), hooks_(std::move(hooks)) {
    life_.bind(alive_);
}

Result<void> LogSearch::start(hub::PortHandle& port, const hub::StartPoint& from, search::Patterns patterns,
                              const search::Context& context) {
    auto reader = port.attach(from, *this);
    if (!reader) return reader.error();
    reader_ = std::move(*reader);
    searched_to_ = reader_->offset();
    patterns_ = std::move(patterns);
    context_ = context;
    return {};
}

/// Returns false while the archive is asked where the reader begins.
bool LogSearch::has_begun() {
    if (!reader_->is_placed() && !reader_->has_more()) return false;
    if (shared_) return true;
    searched_to_ = reader_->offset();
    shared_ = std::make_shared<Shared>(std::move(patterns_), searched_to_, context_);
    return true;
}

std::vector<LogSearch::Item> LogSearch::take() {
    std::vector<Item> items;
    items.swap(items_);
    return items;
}

void LogSearch::want() {
    wanted_ = true;
    if (!in_flight_) advance_soon();
}

/// Posted, so that hooks are not called from within the owner's call.
void LogSearch::advance_soon() {
    environment_.loop.post(life_.guarded([this] { advance(); }));
}

void LogSearch::on_available() {
    if (!in_flight_) advance();
}

void LogSearch::on_closed(const Error& why) {
    reader_.reset();
    const auto closed = hooks_.closed;  // which may destroy this
    closed(why);
}

void LogSearch::advance() {
    if (!wanted_ || in_flight_ || !reader_ || !has_begun()) return;
    if (ended_ || !items_.empty()) {
        wanted_ = false;
        const auto found = hooks_.found;  // which may destroy this
        return found();
    }
    Slice slice;
    if (!read_slice(slice)) return wait_at_head();
    run(std::move(slice));
}

/// Returns false if there is nothing to search now.
bool LogSearch::read_slice(Slice& slice) {
    std::size_t room = slice_bytes_;
    while (room > 0 && slice.data.size() < pieces_max && !slice.gap && !slice.last) {
        const std::uint64_t left = end_.bytes_left(reader_->offset());
        auto item =
            left == 0 ? std::nullopt
                      : reader_->next(static_cast<std::size_t>(std::min<std::uint64_t>(left, room)), log::Times::exact);
        if (!item && left > 0 && (end_.waits_at_head() || reader_->is_loading())) break;
        if (!item || !end_.includes(*item)) {
            slice.last = true;
        } else if (const auto* gap = std::get_if<log::GapItem>(&*item)) {
            slice.gap = *gap;
        } else if (auto* data = std::get_if<log::DataItem>(&*item)) {
            room -= data->size;
            slice.data.push_back(std::move(*data));
        }
    }
    slice.silent = std::exchange(silent_, false) && slice.data.empty();
    return !slice.data.empty() || slice.gap || slice.last || slice.silent;
}

void LogSearch::wait_at_head() {
    if (reader_->is_loading()) return;
    if (shared_->selector.matcher().has_unsearched()) {
        silence_.after(prompt_silence, [this] {
            silent_ = true;
            advance();
        });
    }
    if (const auto when = end_.ask_again_at()) until_.at(*when, [this] { advance(); });
}

void LogSearch::run(Slice slice) {
    silence_.cancel();
    until_.cancel();
    in_flight_ = true;
    ended_ = slice.last;
    auto work = [shared = shared_, self = std::weak_ptr(alive_), slice = std::move(slice), &loop = environment_.loop] {
        if (self.expired()) return;
        shared->search(slice);
        loop.post([self] {
            if (const auto alive = self.lock()) (*alive)->slice_done();
        });
    };
    if (environment_.search.run(std::move(work))) return;
    on_closed(
        {Failure::exhausted, 0, "threads", "the system refuses a thread for the search; see its limits on tasks"});
}

void LogSearch::slice_done() {
    in_flight_ = false;
    items_.swap(shared_->items);  // which was empty
    adapt_slice();
    searched_to_ = std::max(searched_to_, shared_->selector.matcher().line());
    if (progress_at_ && !ended_) add_progress();
    advance();
}

void LogSearch::add_progress() {
    const auto now = std::chrono::steady_clock::now();
    if (items_.empty()) {
        if (now < *progress_at_) return;
        items_.emplace_back(Progress{searched_to_, shared_->received});
    }
    progress_at_ = now + progress_interval;
}

void LogSearch::adapt_slice() noexcept {
    const bool much = shared_->took > slice_time_max || items_.size() > slice_items_max;
    slice_bytes_ = std::clamp(much ? slice_bytes_ / 2 : slice_bytes_ * 2, slice_bytes_min, reply_payload_bytes_max);
}

}  // namespace vserd::rpc
