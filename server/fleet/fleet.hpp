#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "fleet/counters.hpp"
#include "fleet/settings.hpp"
#include "roster/roster.hpp"

namespace vserd::hub {
class Hub;
}

namespace vserd::fleet {

/// Whether the files of the settings can be read, for `vserd check`.
Result<void> check_files(const EtcdSettings& settings);

/// Registers this vserd and its ports in etcd, and keeps the roster as etcd has it. Everything that waits for etcd is on a thread of
/// its own, so the consoles work as without a fleet whatever etcd does. Io thread, except counters().
class Fleet {
public:
    /// Does not wait for etcd. `hub` and `roster` outlive this. Fails if a file cannot be read.
    static Result<std::unique_ptr<Fleet>> start(hub::Hub& hub, Settings settings, roster::Roster& roster);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// Gives up the registration, and calls `done` on the io thread after a second at most.
    void stop(std::function<void()> done);

    const Counters& counters() const noexcept;  // any thread

private:
    class Impl;
    explicit Fleet(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::fleet
