#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::power {

/// One entry of a dm-log-writes device.
struct LoggedWrite {
    std::uint64_t at = 0;     ///< in the recorded device
    std::uint64_t bytes = 0;  ///< written or discarded
    std::uint64_t data = 0;   ///< where they are in the log
    bool flush = false;       ///< what came before was made durable first
    bool durable = false;     ///< FUA
    bool discard = false;
    std::string mark = {};  ///< of `dmsetup message ... mark`; empty: none
};

/// What dm-log-writes recorded (Documentation/admin-guide/device-mapper/log-writes.rst): the target logs writes when they are durable, so
/// an entry with `flush` is preceded by those that it flushed, in the order of their completion.
class WriteLog {
public:
    static Result<WriteLog> open(const std::string& path);

    const std::vector<LoggedWrite>& writes() const noexcept { return writes_; }
    /// Repeats a write on a copy of the recorded device.
    Result<void> apply(const LoggedWrite& write, const base::Fd& to) const;

private:
    Result<void> read_entries();

    base::Fd file_;
    std::string path_;
    std::vector<LoggedWrite> writes_;
};

}  // namespace vserd::power
