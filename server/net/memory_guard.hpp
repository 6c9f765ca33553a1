#pragma once

#include <chrono>
#include <cstdint>

#include "base/fd.hpp"

namespace vserd::net {

/// How much memory the process holds beyond what it needs without clients. The byte logs do not count: they are shared
/// memory, and bounded by the configuration. One thread.
class MemoryGuard {
public:
    explicit MemoryGuard(std::uint64_t memory_max);

    /// There are no clients now: what is in use is the server's own.
    void set_baseline();
    /// Bytes in use above the baseline and three quarters of memory_max; 0 or less: none. The last quarter is for what arrives
    /// until the next look, and for what the heap cannot give back. Gives memory back to the system that is free but
    /// counts as the process's. Looks ten times a second at most, and in between there is none.
    std::int64_t excess(std::chrono::steady_clock::time_point now);

private:
    std::int64_t resident_bytes() const;

    const std::int64_t memory_max_;
    base::Fd statm_;
    std::int64_t baseline_ = 0;
    std::chrono::steady_clock::time_point baseline_time_;
    std::chrono::steady_clock::time_point looked_;
    std::chrono::steady_clock::time_point trimmed_;
};

}  // namespace vserd::net
