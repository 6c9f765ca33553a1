#pragma once

#include <string>
#include <vector>

#include "power/account.hpp"

namespace vserd::power {

struct CheckOptions {
    double sync_seconds = 1;
    double allowed_seconds = 1;  ///< more, for what the machine takes to write
    std::uint64_t keep_bytes = 0;
};

/// What one check found out besides faults.
struct CheckResult {
    std::vector<std::string> faults;
    double oldest_lost_seconds = 0;  ///< how long before the power loss the first lost byte had arrived, at least
    std::uint64_t bytes = 0;         ///< that were compared
    std::uint64_t gaps = 0;
    std::uint64_t sealed = 0;
    bool removed = false;  ///< retention had been at work
};

/// Checks what a power loss left of an archive, goes on with it as the next vserd would, and checks it again.
CheckResult check_archive(const std::string& directory, const Account& account, std::size_t entry,
                          const CheckOptions& options);

}  // namespace vserd::power
