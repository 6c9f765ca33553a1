#pragma once

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace vserd::fleet {

/// How long to wait before the next attempt: longer each time, up to a limit, and a little different on each bridge, so that a
/// thousand of them do not come back to etcd in the same moment.
class Backoff {
public:
    static constexpr std::chrono::milliseconds first{100};
    static constexpr std::chrono::milliseconds most{2000};

    std::chrono::milliseconds next() {
        const auto longest = std::exchange(longest_, std::min(longest_ * 2, most));
        std::uniform_int_distribution<std::chrono::milliseconds::rep> spread(longest.count() / 2, longest.count());
        return std::chrono::milliseconds(spread(random_));
    }
    void reset() noexcept { longest_ = first; }

private:
    std::minstd_rand random_{std::random_device{}()};
    std::chrono::milliseconds longest_ = first;
};

}  // namespace vserd::fleet
