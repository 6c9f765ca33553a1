#include "fleet/claims.hpp"

#include <algorithm>
#include <utility>

namespace vserd::fleet {
namespace {

/// etcd's limit for a request is 1.5 MiB.
constexpr std::size_t batch_bytes_max = std::size_t{512} << 10;
/// The keys and the framing of a step, more or less.
constexpr std::size_t step_bytes = 512;

}  // namespace

Claims::Entry* Claims::find(std::string_view name) {
    const auto entry = entries_.find(name);
    return entry == entries_.end() ? nullptr : &entry->second;
}

void Claims::want(const std::string& name, std::string value) {
    Entry& entry = entries_[name];
    entry.wanted = true;
    entry.value = std::move(value);
}

void Claims::drop(std::string_view name) {
    if (Entry* const entry = find(name)) entry->wanted = false;
    forget_unwanted(name);
}

void Claims::forget_unwanted(std::string_view name) {
    const auto entry = entries_.find(name);
    if (entry != entries_.end() && !entry->second.wanted && entry->second.revision == 0) entries_.erase(entry);
}

void Claims::lose_all() {
    for (auto& [name, entry] : entries_) {
        entry.revision = 0;
        entry.doubted = true;
    }
    std::erase_if(entries_, [](const auto& each) { return !each.second.wanted; });
}

void Claims::doubt_owners() {
    for (auto& [name, entry] : entries_) entry.doubted = true;
}

std::vector<Step> Claims::next(std::size_t steps_max, bool with_updates) const {
    std::vector<Step> steps;
    std::size_t bytes = 0;
    const auto add = [&](Step::Kind kind, const std::string& name, const Entry& entry) {
        std::string value = kind == Step::Kind::release ? std::string() : entry.value;
        if (steps.size() >= steps_max || (!steps.empty() && bytes + value.size() > batch_bytes_max)) return;
        bytes += value.size() + step_bytes;
        steps.push_back({kind, name, std::move(value), entry.revision});
    };
    for (const auto& [name, entry] : entries_) {
        if (to_claim(entry)) add(Step::Kind::claim, name, entry);
        if (to_release(entry)) add(Step::Kind::release, name, entry);
    }
    for (const auto& [name, entry] : entries_)
        if (with_updates && to_update(entry)) add(Step::Kind::update, name, entry);
    return steps;
}

bool Claims::has_work(bool with_updates) const {
    return std::ranges::any_of(entries_, [&](const auto& each) {
        return to_claim(each.second) || to_release(each.second) || (with_updates && to_update(each.second));
    });
}

/// The key of a name that was dropped while it was claimed is to be released.
void Claims::own_dropped(std::string_view name, std::int64_t revision) {
    Entry& entry = entries_[std::string(name)];
    entry.wanted = false;
    entry.revision = revision;
}

void Claims::succeeded(const Step& step, std::int64_t revision) {
    Entry* const entry = find(step.name);
    if (entry == nullptr && step.kind == Step::Kind::claim) own_dropped(step.name, revision);
    if (entry == nullptr) return;
    entry->taken = false;
    entry->doubted = false;
    if (step.kind == Step::Kind::claim) entry->revision = revision;
    if (step.kind == Step::Kind::release) entry->revision = 0;
    entry->written = step.value;
    forget_unwanted(step.name);
}

void Claims::taken(std::string_view name, const Owner& owner) {
    Entry* const entry = find(name);
    if (entry == nullptr) return;
    entry->revision = 0;
    entry->taken = true;
    entry->doubted = false;
    entry->owner = owner;
    forget_unwanted(name);
}

void Claims::recovered(std::string_view name, std::int64_t revision) {
    Entry* const entry = find(name);
    if (entry == nullptr) return own_dropped(name, revision);
    entry->taken = false;
    entry->revision = revision;
    entry->written.clear();  // which value etcd has is not certain
}

void Claims::vanished(std::string_view name) {
    if (Entry* const entry = find(name)) entry->revision = 0;
    forget_unwanted(name);
}

/// An older revision says nothing: the owner, or this bridge, may have claimed the name afterwards.
bool Claims::free_at(Entry& entry, std::int64_t revision) {
    const bool owner_is_gone = entry.taken && entry.owner.revision <= revision;
    const bool ours_is_gone = entry.revision != 0 && entry.revision <= revision;
    if (owner_is_gone) entry.taken = false;
    if (ours_is_gone) entry.revision = 0;
    return owner_is_gone || ours_is_gone;
}

bool Claims::saw_free(std::string_view name, std::int64_t revision) {
    Entry* const entry = find(name);
    const bool changed = entry != nullptr && free_at(*entry, revision);
    forget_unwanted(name);
    return changed;
}

bool Claims::saw_owner(std::string_view name, const Owner& owner) {
    Entry* const entry = find(name);
    if (entry == nullptr || owner.revision <= entry->revision) return false;  // ours, or from before we claimed it
    const bool is_news = entry->taken ? owner.revision > entry->owner.revision : entry->revision != 0;
    if (is_news) taken(name, owner);
    return is_news;
}

std::vector<roster::Conflict> Claims::conflicts() const {
    std::vector<roster::Conflict> list;
    for (const auto& [name, entry] : entries_)
        if (entry.wanted && entry.taken) list.push_back({name, entry.owner.bridge});
    return list;
}

Claims::Counts Claims::counts() const {
    Counts counts;
    for (const auto& [name, entry] : entries_) {
        if (!entry.wanted) continue;
        (entry.taken ? counts.conflict : entry.revision != 0 ? counts.owned : counts.pending) += 1;
    }
    return counts;
}

}  // namespace vserd::fleet
