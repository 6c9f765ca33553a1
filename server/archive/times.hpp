#pragma once

#include <chrono>
#include <cstdint>

#include "log/moment.hpp"

namespace vserd::archive {

inline std::int64_t ns_of(log::WallTime time) noexcept {
    return std::chrono::nanoseconds(time.time_since_epoch()).count();
}
inline log::WallTime time_of(std::int64_t ns) noexcept {
    return log::WallTime{std::chrono::duration_cast<log::WallTime::duration>(std::chrono::nanoseconds(ns))};
}

}  // namespace vserd::archive
