#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "roster/roster.hpp"

namespace vserd::fleet {

/// One step of a transaction. It applies only if the key's create_revision is `revision`, so that a bridge can never change what
/// another one has claimed meanwhile. 0: the key does not exist.
struct Step {
    enum class Kind : std::uint8_t { claim, update, release };
    Kind kind;
    std::string name;
    std::string value;
    std::int64_t revision = 0;
};

/// Whose a name is, according to etcd.
struct Owner {
    std::string bridge;
    std::int64_t revision = 0;  ///< create_revision of the key
};

/// The names that this bridge wants, and which of them it owns. Decisions only: the registrar carries them out, and the mirror
/// reports what others do.
class Claims {
public:
    struct Counts {
        std::size_t owned = 0;
        std::size_t conflict = 0;  ///< another bridge owns it
        std::size_t pending = 0;   ///< to be claimed
    };

    /// The value that the name shall have.
    void want(const std::string& name, std::string value);
    void drop(std::string_view name);
    /// The lease has ended, and the keys with it.
    void lose_all();
    /// Whatever is known about other owners may be wrong: tries to claim their names again.
    void doubt_owners();

    /// What is to be done, at most `steps_max` steps. Claims and releases come before updates.
    std::vector<Step> next(std::size_t steps_max, bool with_updates) const;
    bool has_work(bool with_updates) const;

    // The results of a step.
    void succeeded(const Step& step, std::int64_t revision);
    /// The key exists, and it is not ours.
    void taken(std::string_view name, const Owner& owner);
    /// Our key exists already: a claim succeeded whose response was lost.
    void recovered(std::string_view name, std::int64_t revision);
    /// The key does not exist any more.
    void vanished(std::string_view name);

    // What the mirror sees.
    /// Nobody owned the name at that revision. Returns whether that changes anything.
    bool saw_free(std::string_view name, std::int64_t revision);
    bool saw_owner(std::string_view name, const Owner& owner);
    /// saw_free() for each name that `is_taken` does not know.
    template <class IsTaken>
    void saw_all(std::int64_t revision, IsTaken is_taken) {
        for (auto& [name, entry] : entries_)
            if (!is_taken(name)) free_at(entry, revision);
        std::erase_if(entries_, [](const auto& each) { return !each.second.wanted && each.second.revision == 0; });
    }

    std::vector<roster::Conflict> conflicts() const;
    Counts counts() const;

private:
    struct Entry {
        std::string value;
        std::string written;
        std::int64_t revision = 0;  ///< create_revision of our key; 0: it is not ours
        bool wanted = true;
        bool taken = false;
        bool doubted = false;  ///< try to claim it, although it is taken
        Owner owner = {};      ///< if it is taken
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    static bool free_at(Entry& entry, std::int64_t revision);
    static bool to_claim(const Entry& entry) {
        return entry.wanted && entry.revision == 0 && (!entry.taken || entry.doubted);
    }
    static bool to_update(const Entry& entry) {
        return entry.wanted && entry.revision != 0 && entry.written != entry.value;
    }
    static bool to_release(const Entry& entry) { return !entry.wanted && entry.revision != 0; }
    Entry* find(std::string_view name);
    void forget_unwanted(std::string_view name);
    void own_dropped(std::string_view name, std::int64_t revision);

    Entries entries_;
};

}  // namespace vserd::fleet
