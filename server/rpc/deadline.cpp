#include "rpc/deadline.hpp"

#include <algorithm>

namespace vserd::rpc {
namespace {

constexpr std::chrono::milliseconds margin{250};
constexpr std::chrono::hours patience_max{24 * 365};

}  // namespace

std::chrono::steady_clock::time_point answer_by(std::chrono::system_clock::time_point deadline) {
    const auto now = std::chrono::system_clock::now();
    std::chrono::nanoseconds left = patience_max;
    if (deadline < now + patience_max) left = std::max<std::chrono::nanoseconds>(deadline - now, {});
    return std::chrono::steady_clock::now() + left -
           std::min<std::chrono::nanoseconds>(left / 4, std::max<std::chrono::nanoseconds>(left / 50, margin));
}

}  // namespace vserd::rpc
