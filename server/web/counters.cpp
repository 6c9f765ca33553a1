#include "web/counters.hpp"

#include <algorithm>

namespace vserd::web {

RequestCounters::RequestCounters(const std::vector<std::string>& methods) {
    for (const std::string& method : methods) counts_[method];
    counts_["other"];
}

void RequestCounters::count(std::string_view method, unsigned status) noexcept {
    auto found = counts_.find(method);
    if (found == counts_.end()) found = counts_.find("other");
    const auto* const known = std::ranges::find(statuses, status);
    const std::size_t index =
        known == statuses.end() ? statuses.size() - 1 : static_cast<std::size_t>(known - statuses.begin());
    found->second[index].fetch_add(1, std::memory_order_relaxed);
}

std::vector<RequestCounters::Entry> RequestCounters::snapshot() const {
    std::vector<Entry> entries;
    for (const auto& [method, counts] : counts_) {
        for (std::size_t i = 0; i < counts.size(); ++i) {
            const auto count = counts[i].load(std::memory_order_relaxed);
            if (count > 0) entries.push_back({method, statuses[i], count});
        }
    }
    return entries;
}

}  // namespace vserd::web
