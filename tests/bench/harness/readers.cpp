#include "harness/readers.hpp"

#include <algorithm>
#include <limits>

namespace vserd::bench {

std::uint64_t Readers::received_sum() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = stopped_count_; i < checks_.size(); ++i) sum += checks_[i].received();
    return sum;
}

std::uint64_t Readers::received_least() const noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = stopped_count_; i < checks_.size(); ++i) least = std::min(least, checks_[i].received());
    return least;
}

bool Readers::all_synced() const noexcept {
    return std::all_of(checks_.begin(), checks_.end(), [](const StreamCheck& check) { return check.synced(); });
}

bool Readers::all_intact() const noexcept {
    return std::all_of(checks_.begin(), checks_.end(), [](const StreamCheck& check) { return check.intact(); });
}

std::unique_ptr<Readers> make_readers(const Bridge& bridge, const ReadPlan& plan) {
    if (bridge.face() == Face::vserd_web) return web_readers(bridge, plan);
    const bool grpc = is_vserd(bridge.face()) && bridge.face() != Face::vserd_raw;
    return grpc ? grpc_readers(bridge, plan) : tcp_readers(bridge, plan);
}

}  // namespace vserd::bench
