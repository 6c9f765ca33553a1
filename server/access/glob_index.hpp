#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/glob.hpp"

namespace vserd::access {

/// Finds which of many globs match a text. Globs are grouped by the literal text before their first and after their last
/// wildcard, so that only a few are tried. Slow are only many globs that differ between two wildcards, such as "*-a-*".
/// Immutable after the last add(); then any thread.
class GlobIndex {
public:
    using Id = std::uint32_t;

    /// Equal globs have the same id. Ids are 0, 1, 2...
    Id add(const std::string& glob);
    std::size_t size() const noexcept { return size_; }

    /// Calls `found(id)` for every glob that matches.
    template <class Found>
    void match(std::string_view text, Found found) const {
        if (const auto id = exact_.find(text); id != exact_.end()) found(id->second);
        for (const std::size_t prefix_bytes : prefix_sizes_) {
            if (prefix_bytes > text.size()) break;
            const auto group = groups_.find(text.substr(0, prefix_bytes));
            if (group != groups_.end()) match_in(group->second, text, text.size() - prefix_bytes, found);
        }
    }

private:
    /// For look-ups by string_view.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    template <class Value>
    using ByText = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;
    struct Entry {
        std::string glob;
        Id id;
        bool is_one_star;  ///< matches everything with its prefix and suffix
    };
    /// The globs with the same prefix, by suffix.
    struct Group {
        std::vector<std::size_t> suffix_sizes;  ///< ascending
        ByText<std::vector<Entry>> by_suffix;
    };

    template <class Found>
    static void match_in(const Group& group, std::string_view text, std::size_t suffix_bytes_max, Found& found) {
        for (const std::size_t suffix_bytes : group.suffix_sizes) {
            if (suffix_bytes > suffix_bytes_max) break;
            const auto entries = group.by_suffix.find(text.substr(text.size() - suffix_bytes));
            if (entries == group.by_suffix.end()) continue;
            for (const Entry& entry : entries->second) {
                if (entry.is_one_star || glob_matches(entry.glob, text)) found(entry.id);
            }
        }
    }

    ByText<Id> exact_;
    std::vector<std::size_t> prefix_sizes_;  ///< ascending
    ByText<Group> groups_;
    std::size_t size_ = 0;
};

}  // namespace vserd::access
