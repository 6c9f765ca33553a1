#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "log/log_store.hpp"
#include "log/moment.hpp"

namespace vserd::restart {

/// What the next process has to know about the leases of a port.
struct SavedLease {
    /// A lease that is held.
    struct Held {
        std::string client;
        std::string identity;
        std::string via;
        std::string reason;
        log::WallTime since;
        log::WallTime expires;
        std::chrono::milliseconds ttl;

        friend bool operator==(const Held&, const Held&) = default;
    };

    std::uint64_t last_id = 0;  ///< of the lease that is held; otherwise of the last one
    std::optional<Held> held = std::nullopt;

    friend bool operator==(const SavedLease&, const SavedLease&) = default;
};

/// The maximum of bytes of all texts together. Longer ones are cut, the reason first.
inline constexpr std::size_t saved_lease_text_bytes_max = log::lease_text_bytes_max;

/// Replaces the saved lease. A kill at any time preserves the one before or this one. Io thread only.
void save_lease(log::LogStore& store, const SavedLease& lease) noexcept;
/// Empty if none was saved. `last_id` is 0 then.
SavedLease saved_lease(const log::LogStore& store);

}  // namespace vserd::restart
