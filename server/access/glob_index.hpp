#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/glob.hpp"
#include "access/hash_table.hpp"

namespace vserd::access {

/// Finds which of many globs match a text. Globs are grouped by the literal text before their first and after their last
/// wildcard, so that only a few are tried. Slow are only many globs that differ between two wildcards, such as "*-a-*".
/// Immutable after the last add(); then any thread.
class GlobIndex {
public:
    using Id = std::uint32_t;

    /// Equal globs have the same id. Ids are 0, 1, 2...
    Id add(const std::string& glob);

    /// Calls `found(id)` for every glob that matches.
    template <class Found>
    void match(std::string_view text, Found found) const {
        RollingHash hash;
        match_group(hash, text, 0, found);
        if (!text.empty()) {
            const auto& sizes = prefix_sizes_[static_cast<unsigned char>(text.front())];
            auto size = sizes.begin();
            for (std::size_t i = 0; i < text.size(); ++i) {
                hash.add(text[i]);
                if (size == sizes.end() || *size != i + 1) continue;
                match_group(hash, text, *size++, found);
            }
        }
        exact_.find(hash.value(), [&](std::uint32_t id) {
            if (globs_[id] == text) found(id);
        });
    }

private:
    /// The globs with the same prefix and suffix.
    struct Bucket {
        std::string suffix;
        std::vector<Id> globs;
    };
    /// The globs with the same prefix.
    struct Group {
        std::string prefix;
        std::vector<std::size_t> suffix_sizes;  ///< ascending
        HashTable by_suffix;                    ///< of the suffix backwards; places in `buckets`
        std::vector<Bucket> buckets;
    };

    template <class Found>
    void match_group(const RollingHash& prefix_hash, std::string_view text, std::size_t prefix_bytes,
                     Found& found) const {
        by_prefix_.find(prefix_hash.value(), [&](std::uint32_t place) {
            const Group& group = groups_[place];
            if (group.prefix == text.substr(0, prefix_bytes)) match_suffixes(group, text, prefix_bytes, found);
        });
    }

    template <class Found>
    void match_suffixes(const Group& group, std::string_view text, std::size_t prefix_bytes, Found& found) const {
        RollingHash hash;
        std::size_t bytes = 0;
        for (const std::size_t size : group.suffix_sizes) {
            if (prefix_bytes + size > text.size()) break;
            while (bytes < size) hash.add(text[text.size() - ++bytes]);
            group.by_suffix.find(hash.value(), [&](std::uint32_t place) {
                const Bucket& bucket = group.buckets[place];
                if (bucket.suffix == text.substr(text.size() - size)) match_bucket(bucket, text, found);
            });
        }
    }

    template <class Found>
    void match_bucket(const Bucket& bucket, std::string_view text, Found& found) const {
        for (const Id id : bucket.globs) {
            if (is_one_star_[id] || glob_matches(globs_[id], text)) found(id);
        }
    }

    Group& group_of(const std::string& prefix);
    static Bucket& bucket_of(Group& group, const std::string& suffix);

    std::vector<std::string> globs_;           ///< by id
    std::vector<char> is_one_star_;            ///< by id: matches everything with its prefix and suffix
    std::unordered_map<std::string, Id> ids_;  ///< for add()
    HashTable exact_;                          ///< ids
    HashTable by_prefix_;                      ///< places in groups_
    std::vector<Group> groups_;
    std::array<std::vector<std::size_t>, 256> prefix_sizes_;  ///< by the first byte of the prefix; ascending
};

}  // namespace vserd::access
