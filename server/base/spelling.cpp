#include "base/spelling.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace vserd::base {

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
    std::array<std::size_t, compared_bytes_max + 1> row{};
    if (b.size() > compared_bytes_max) return limit + 1;
    std::iota(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(b.size()) + 1, std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        std::size_t least = row[0];
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
            least = std::min(least, row[j + 1]);
        }
        if (least > limit) return limit + 1;
    }
    return row[b.size()];
}

std::string_view closest(std::string_view text, const std::vector<std::string_view>& candidates) {
    std::string_view best;
    std::size_t limit = std::max<std::size_t>(1, std::min<std::size_t>(3, text.size() / 2));
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(text, candidate, limit);
        if (distance > limit) continue;
        best = candidate;
        if (distance == 0) break;
        limit = distance - 1;
    }
    return best;
}

}  // namespace vserd::base
