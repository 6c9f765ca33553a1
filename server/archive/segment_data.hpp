#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "archive/names.hpp"
#include "archive/sealed_log.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// Reads the bytes of a segment, plain or sealed. It stays readable while the segment is sealed or removed.
class SegmentData {
public:
    /// errno_value is ENOENT if the segment has neither file.
    static Result<SegmentData> open(const SegmentPaths& paths);

    /// Fails if the file does not have all these bytes. Damage is not always noticed: check their CRC.
    Result<void> read(std::uint64_t position, std::span<std::byte> bytes);

private:
    std::string path_;
    base::Fd plain_;
    std::optional<SealedLog> sealed_;
};

}  // namespace vserd::archive
