#pragma once

#include <optional>

#include "archive/directory_lock.hpp"
#include "config/config.hpp"
#include "hub/hub.hpp"

namespace vserd {

/// Makes the hub archive its ports. A disk that fails does not keep the consoles down: the journal reports it, and there is no lock.
/// Failure::refused: another vserd uses the directory.
Result<std::optional<archive::DirectoryLock>> begin_archive(const config::ArchiveEntry& entry, hub::Hub& hub);

}  // namespace vserd
