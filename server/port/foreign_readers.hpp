#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.hpp"

namespace vserd::port {

class WorkerPool;

/// Processes named for one device, at most.
inline constexpr std::size_t foreign_readers_max = 8;

/// Finds other processes that have a device open for reading and may receive its bytes. One scan of /proc on a worker serves
/// all devices. It runs soon after a device is added and then about every 10 s, or less often if it would use more than
/// 1 % of a core. Io thread only.
class ForeignReaders {
public:
    /// Called when the list of processes has changed: "agetty (pid 123)", at most foreign_readers_max of them.
    using Changed = std::function<void(const std::vector<std::string>&)>;

    /// `workers` outlives this.
    ForeignReaders(io::Loop& loop, WorkerPool& workers);
    ~ForeignReaders();
    ForeignReaders(const ForeignReaders&) = delete;
    ForeignReaders& operator=(const ForeignReaders&) = delete;

    /// A callback for a device. The destructor removes it.
    class Registration {
    public:
        Registration() = default;
        Registration(ForeignReaders* readers, std::size_t id) : readers_(readers), id_(id) {}
        Registration(Registration&& other) noexcept;
        Registration& operator=(Registration&& other) noexcept;
        ~Registration();

    private:
        ForeignReaders* readers_ = nullptr;
        std::size_t id_ = 0;
    };

    [[nodiscard]] Registration watch(dev_t device, Changed changed);

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  // shared with the running scan, which may outlive this
};

}  // namespace vserd::port
