#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/journal_queue.hpp"

namespace vserd {

/// Finds lines that repeat recent ones except for numbers, such as those of a port that connects and disconnects all the time.
/// One thread.
class JournalRepeats {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Whether to omit the line; omitted lines are counted. Lines below `info` are never omitted.
    bool is_one_too_many(const JournalLine& line, Time now);
    /// A summary line for each kind with omitted lines whose window has ended.
    std::vector<JournalLine> sums(Time now);
    bool empty() const noexcept { return kinds_.empty(); }

private:
    struct Kind {
        Time begin;
        std::size_t lines = 0;
        JournalLine last;  ///< the last omitted line
    };
    static constexpr std::size_t kinds_max = 1024;

    std::map<std::string, Kind> kinds_;  ///< key: the text without numbers
};

}  // namespace vserd
