#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/spelling.hpp"
#include "hub/hub.hpp"

namespace vserd::hub {
namespace {

constexpr std::size_t names_listed_max = 12;

/// Names that differ more are not suggested.
constexpr std::size_t distance_max = 3;
/// How many bytes of an unknown name are compared, and with how many names, so that a call costs the io thread little.
constexpr std::size_t unknown_name_bytes_max = 64;
constexpr std::size_t candidates_max = 16;

/// How many letters two names have in common at their start and end. Cheap, and a typing mistake changes few of them.
std::size_t common_letters(std::string_view a, std::string_view b) {
    const auto prefix = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
    std::size_t suffix = 0;
    const std::size_t most = std::min(a.size(), b.size()) - prefix;
    while (suffix < most && a[a.size() - 1 - suffix] == b[b.size() - 1 - suffix]) ++suffix;
    return prefix + suffix;
}

}  // namespace

Result<Channel*> Hub::require(std::string_view name, const access::Identity& identity) {
    if (name.empty()) {
        return Error{Failure::invalid_argument, 0, "port", "port is empty; name one, as ListPorts shows them"};
    }
    const auto& policy = authority_->policy;
    Channel* const channel = find(name);
    if (channel != nullptr && policy.role_of(identity, name) >= access::Role::list) return channel;

    const std::string_view asked = name.substr(0, unknown_name_bytes_max);
    std::string message = fmt::format("no port \"{}\"", asked);
    const auto visible = names_for(identity);
    if (const auto* closest = closest_name(asked, visible)) message += fmt::format("; did you mean \"{}\"?", *closest);
    if (channels_.empty()) {
        message += "; no port is configured";
    } else if (visible.empty()) {
        message += "; there is none that you may see";
    } else if (visible.size() <= names_listed_max) {
        std::string listed;
        for (const auto* other : visible) listed += (listed.empty() ? "" : ", ") + *other;
        message += " The ports are: " + listed;
    }
    return Error{Failure::not_found, 0, std::string(asked), message};
}

/// The ports that exist for `identity`.
std::vector<const std::string*> Hub::names_for(const access::Identity& identity) const {
    std::vector<const std::string*> names;
    names.reserve(channels_.size());
    for (const auto& [name, channel] : channels_) {
        if (authority_->policy.role_of(identity, name) >= access::Role::list) names.push_back(&name);
    }
    return names;
}

/// Null if `names` is empty. The cost is bounded: only the names with the most common letters are compared in full.
const std::string* Hub::closest_name(std::string_view name, const std::vector<const std::string*>& names) {
    using Candidate = std::pair<std::size_t, const std::string*>;
    std::vector<Candidate> candidates;
    candidates.reserve(names.size());
    for (const auto* other : names) candidates.emplace_back(common_letters(name, *other), other);
    const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(std::min(candidates.size(), candidates_max));
    std::ranges::partial_sort(candidates, end, std::greater{}, &Candidate::first);
    const std::string* closest = candidates.empty() ? nullptr : candidates.front().second;
    std::size_t best = distance_max + 1;
    for (auto candidate = candidates.begin(); candidate != end; ++candidate) {
        const std::size_t distance = base::edit_distance(name, *candidate->second, best - 1);
        if (distance < best) closest = candidate->second;
        best = std::min(best, distance);
        if (best == 0) break;
    }
    return closest;
}

}  // namespace vserd::hub
