#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "log/byte_log_items.hpp"
#include "port/worker_pool.hpp"

namespace vserd::hub {

/// What a backlog needs while it reads a sealed segment: a slice, a frame and zstd's own. Measured with 200, and rounded up.
inline constexpr std::size_t backlog_bytes_max = std::size_t{512} << 10;

/// What one reader takes from the archive: everything that is no longer in memory. Workers read ahead, a slice at a time: at most
/// one is waiting for the reader, and one is on its way. Io thread only.
class Backlog {
public:
    struct Oldest {};
    struct Offset {
        std::uint64_t offset;
    };
    struct Since {
        log::WallTime time;
    };
    /// Where to begin: at a position, or at one that the archive has to look up.
    using Start = std::variant<log::Cursor, Oldest, Offset, Since>;

    /// `ready` is called when loading() has become false, with an error if the archive cannot be read.
    Backlog(port::WorkerPool& workers, std::string directory, std::string log_id,
            std::function<void(const Result<void>&)> ready);
    ~Backlog();
    Backlog(const Backlog&) = delete;
    Backlog& operator=(const Backlog&) = delete;

    /// Reads on from there. Requires: empty() and not loading().
    void load(const Start& from);
    bool loading() const noexcept { return loading_; }
    bool empty() const noexcept { return items_.empty(); }
    /// Where the loaded items begin, and where the next load() should. Valid after the first load.
    const log::Cursor& begin() const noexcept { return begin_; }
    const log::Cursor& end() const noexcept { return end_; }
    /// Nothing more was there at the last load().
    bool at_end() const noexcept { return at_end_; }
    /// The next item, with at most `bytes_max` bytes of data; moves `cursor` past it. Requires: not empty().
    log::Item take(std::size_t bytes_max, log::Cursor& cursor);

private:
    struct Slice;
    void loaded(Slice& slice);

    port::WorkerPool& workers_;
    std::shared_ptr<Slice> slice_;  ///< used by a worker while loading
    const std::function<void(const Result<void>&)> ready_;
    std::deque<log::Item> items_;
    log::Cursor begin_;
    log::Cursor end_;
    bool loading_ = false;
    bool at_end_ = false;
};

}  // namespace vserd::hub
