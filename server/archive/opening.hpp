#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/directory_lock.hpp"
#include "archive/recording.hpp"

namespace vserd::archive {

/// The archives of some ports, as far as they could be opened.
struct Opening {
    std::optional<DirectoryLock> lock;  ///< if it was taken
    Result<void> directory;             ///< an error is that of each port
    std::map<std::string, Result<std::shared_ptr<Recording>>> ports;
};

/// Blocks on the disk. Without `locked` it takes the lock of the directory first.
Opening open_recordings(const Settings& settings, const std::vector<std::string>& ports, bool locked);
Opening opened_none(const std::vector<std::string>& ports, const Error& why);

}  // namespace vserd::archive
