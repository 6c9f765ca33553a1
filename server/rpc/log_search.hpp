#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "hub/port_handle.hpp"
#include "port/life.hpp"
#include "rpc/environment.hpp"
#include "rpc/read_end.hpp"
#include "search/line_selector.hpp"
#include "search/worker.hpp"

namespace vserd::rpc {

/// How long a port must be silent until the unfinished last line is searched: it may be a prompt.
inline constexpr std::chrono::milliseconds prompt_silence{100};

/// A reader that delivers only the lines that match. It reads on the io thread and searches on the search thread, with one
/// slice of the log in flight. Io thread only. Its owner pulls, as a hub::Sink does.
class LogSearch final : private hub::Sink {
public:
    /// How far the search is.
    struct Progress {
        std::uint64_t offset = 0;
        search::Time received;
    };
    using Item = std::variant<search::Line, log::GapItem, Progress>;
    struct Hooks {
        std::function<void()> found;                   ///< after want(), once: there are items, or the search has ended
        std::function<void(const Error& why)> closed;  ///< as Sink::on_closed()
    };

    /// The hooks may destroy this. `environment` outlives it.
    LogSearch(Environment& environment, const ReadEnd& end, Hooks hooks);
    LogSearch(const LogSearch&) = delete;
    LogSearch& operator=(const LogSearch&) = delete;

    /// Call once. Fails as PortHandle::attach(), and with exhausted if there is no search thread.
    Result<void> start(hub::PortHandle& port, const hub::StartPoint& from, search::Patterns patterns,
                       const search::Context& context);
    /// From now on a Progress is an item, if nothing else was one for a second.
    void report_progress() { progress_at_ = std::chrono::steady_clock::now() + progress_interval; }
    /// Searches until there are items. Hooks::found is called later, not from within.
    void want();
    std::vector<Item> take();
    /// Nothing comes after the items that take() returns.
    bool ended() const noexcept { return ended_; }
    /// What it needs for reading the archive. Valid after start().
    std::size_t archive_bytes() const noexcept { return reader_ ? reader_->archive_bytes() : 0; }
    /// Where a later search continues so that nothing is missed: the begin of the unfinished line.
    std::uint64_t searched_to() const noexcept { return searched_to_; }

private:
    static constexpr std::chrono::seconds progress_interval{1};
    static constexpr std::size_t slice_bytes_first = std::size_t{8} << 10;
    /// What the search thread works on; the io thread only while no slice is in flight.
    struct Slice;
    struct Shared;

    void on_available() override;
    void on_closed(const Error& why) override;
    void advance();
    void advance_soon();
    bool has_begun();
    bool read_slice(Slice& slice);
    void wait_at_head();
    void run(Slice slice);
    void slice_done();
    void adapt_slice() noexcept;
    void add_progress();

    Environment& environment_;
    const ReadEnd end_;
    const Hooks hooks_;
    std::unique_ptr<hub::Reader> reader_;
    search::Patterns patterns_;  ///< until the search begins
    search::Context context_;
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<LogSearch*> alive_ = std::make_shared<LogSearch*>(this);
    port::Life life_;
    port::Timer silence_{environment_.loop, life_};
    port::Timer until_{environment_.loop, life_};
    std::vector<Item> items_;
    std::uint64_t searched_to_ = 0;
    std::optional<std::chrono::steady_clock::time_point> progress_at_;  ///< if progress is wanted
    std::size_t slice_bytes_ = slice_bytes_first;                       ///< of the next slice
    bool wanted_ = false;
    bool in_flight_ = false;
    bool silent_ = false;  ///< the unfinished line may be searched
    bool ended_ = false;
};

}  // namespace vserd::rpc
