#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/journal_queue.hpp"

namespace vserd {

/// Which lines say only what others have said a moment ago, numbers aside: a port that comes and goes all the time. One
/// thread.
class JournalRepeats {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Whether to leave the line out; it is counted then. Lines below `info` are never left out.
    bool is_one_too_many(const JournalLine& line, Time now);
    /// A line for each kind of which some were left out and whose window is over.
    std::vector<JournalLine> sums(Time now);
    bool empty() const noexcept { return kinds_.empty(); }

private:
    struct Kind {
        Time begin;
        std::size_t lines = 0;
        JournalLine last;  ///< that was left out
    };
    static constexpr std::size_t kinds_max = 1024;

    std::map<std::string, Kind> kinds_;  ///< by the text without its numbers
};

}  // namespace vserd
