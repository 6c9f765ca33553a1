#include "access/glob_index.hpp"

#include <algorithm>

namespace vserd::access {
namespace {

void insert_sorted(std::vector<std::size_t>& sizes, std::size_t size) {
    const auto place = std::lower_bound(sizes.begin(), sizes.end(), size);
    if (place == sizes.end() || *place != size) sizes.insert(place, size);
}

}  // namespace

GlobIndex::Id GlobIndex::add(const std::string& glob) {
    const auto next = static_cast<Id>(size_);
    const std::size_t first = glob.find_first_of("*?");
    if (first == std::string::npos) {
        const auto [place, added] = exact_.emplace(glob, next);
        if (added) ++size_;
        return place->second;
    }
    const std::size_t last = glob.find_last_of("*?");
    const std::string suffix = glob.substr(last + 1);
    Group& group = groups_[glob.substr(0, first)];
    std::vector<Entry>& entries = group.by_suffix[suffix];
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.glob == glob; });
    if (same != entries.end()) return same->id;
    insert_sorted(prefix_sizes_, first);
    insert_sorted(group.suffix_sizes, suffix.size());
    entries.push_back({glob, next, first == last && glob[first] == '*'});
    ++size_;
    return next;
}

}  // namespace vserd::access
