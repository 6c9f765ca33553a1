#pragma once

#include <chrono>
#include <cstdint>

#include "base/fd.hpp"

namespace vserd::net {

/// Measures the memory that the process uses for clients. Byte logs do not count: they are shared memory, and the
/// configuration bounds them. One thread.
class MemoryGuard {
public:
    explicit MemoryGuard(std::uint64_t memory_max);

    /// Call when there are no clients: the memory in use now is the server's own.
    void set_baseline();
    /// Bytes in use beyond the baseline plus five eighths of memory_max; 0 or less if there is no excess. The rest is for the
    /// server itself, for bytes that arrive before the next measurement, and for heap fragmentation. Also returns free heap
    /// memory to the system. Measures at most fifty times a second, and returns 0 in between.
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
