#include "access/glob_index.hpp"

#include <algorithm>

namespace vserd::access {
namespace {

void insert_sorted(std::vector<std::size_t>& sizes, std::size_t size) {
    const auto place = std::lower_bound(sizes.begin(), sizes.end(), size);
    if (place == sizes.end() || *place != size) sizes.insert(place, size);
}

template <class Iterator>
std::uint64_t hash_of(Iterator begin, Iterator end) {
    RollingHash hash;
    for (; begin != end; ++begin) hash.add(*begin);
    return hash.value();
}

/// The place in `table` whose element has `text` as its `member`; elements.size(): none.
template <class Element>
std::size_t place_of(const HashTable& table, std::uint64_t hash, const std::vector<Element>& elements,
                     std::string Element::*member, const std::string& text) {
    std::size_t place = elements.size();
    table.find(hash, [&](std::uint32_t number) {
        if (elements[number].*member == text) place = number;
    });
    return place;
}

}  // namespace

void HashTable::insert(std::uint64_t hash, std::uint32_t number) {
    if (2 * (size_ + 1) > slots_.size()) {
        std::vector<Slot> old(std::max<std::size_t>(8, slots_.size() * 2));
        old.swap(slots_);
        for (const Slot& slot : old) {
            if (slot.number != empty) put(slot);
        }
    }
    put({static_cast<std::uint32_t>(hash), number});
    ++size_;
}

void HashTable::put(const Slot& slot) noexcept {
    std::size_t i = slot.hash & (slots_.size() - 1);
    while (slots_[i].number != empty) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
}

GlobIndex::Id GlobIndex::add(const std::string& glob) {
    const auto [place, added] = ids_.emplace(glob, static_cast<Id>(globs_.size()));
    const Id id = place->second;
    if (!added) return id;
    const std::size_t first = glob.find_first_of("*?");
    const std::size_t last = glob.find_last_of("*?");
    globs_.push_back(glob);
    is_one_star_.push_back(first != std::string::npos && first == last && glob[first] == '*' ? 1 : 0);
    if (first == std::string::npos) {
        exact_.insert(hash_of(glob.begin(), glob.end()), id);
    } else {
        bucket_of(group_of(glob.substr(0, first)), glob.substr(last + 1)).globs.push_back(id);
    }
    return id;
}

GlobIndex::Group& GlobIndex::group_of(const std::string& prefix) {
    const std::uint64_t hash = hash_of(prefix.begin(), prefix.end());
    const std::size_t place = place_of(by_prefix_, hash, groups_, &Group::prefix, prefix);
    if (place < groups_.size()) return groups_[place];
    by_prefix_.insert(hash, static_cast<std::uint32_t>(groups_.size()));
    if (!prefix.empty()) insert_sorted(prefix_sizes_[static_cast<unsigned char>(prefix.front())], prefix.size());
    return groups_.emplace_back(Group{.prefix = prefix, .suffix_sizes = {}, .by_suffix = {}, .buckets = {}});
}

GlobIndex::Bucket& GlobIndex::bucket_of(Group& group, const std::string& suffix) {
    const std::uint64_t hash = hash_of(suffix.rbegin(), suffix.rend());
    const std::size_t place = place_of(group.by_suffix, hash, group.buckets, &Bucket::suffix, suffix);
    if (place < group.buckets.size()) return group.buckets[place];
    group.by_suffix.insert(hash, static_cast<std::uint32_t>(group.buckets.size()));
    insert_sorted(group.suffix_sizes, suffix.size());
    return group.buckets.emplace_back(Bucket{.suffix = suffix, .globs = {}});
}

}  // namespace vserd::access
