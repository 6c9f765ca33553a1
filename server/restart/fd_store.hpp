#pragma once

#include <functional>
#include <string>

#include "base/fd.hpp"

namespace vserd::restart {

/// The service manager's file descriptor store, which holds descriptors while vserd is not running (systemd:
/// FileDescriptorStoreMax=).
struct FdStore {
    std::function<void(const std::string& name, int fd)> put;  ///< duplicates the descriptor
    std::function<void(const std::string& name)> remove;
};

/// A descriptor that the store returned to this process.
struct StoredFd {
    std::string name;
    base::Fd fd;
};

}  // namespace vserd::restart
