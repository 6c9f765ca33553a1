#pragma once

#include <atomic>
#include <cstdint>

namespace vserd::hub {

/// What failed in the archive. The io thread writes, any thread reads.
struct ArchiveErrors {
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> write{0};
    std::atomic<std::uint64_t> read{0};
    std::atomic<std::uint64_t> upkeep{0};  ///< sealing and retention
};

}  // namespace vserd::hub
