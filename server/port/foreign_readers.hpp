#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.hpp"

namespace vserd::port {

class WorkerPool;

/// Named of one device; the kernel's list may be longer.
inline constexpr std::size_t foreign_readers_max = 8;

/// Finds the processes besides this one that have a device open for reading: bytes of the device may go to them. One scan
/// of /proc on a worker serves all devices. It runs soon after a device was added and then about every 10 s, less often
/// where it takes long (at most one part in a hundred of a core). Io thread only.
class ForeignReaders {
public:
    /// Called when the processes of the device changed: "agetty (pid 123)", at most foreign_readers_max.
    using Changed = std::function<void(const std::vector<std::string>&)>;

    /// `workers` outlives this.
    ForeignReaders(io::Loop& loop, WorkerPool& workers);
    ~ForeignReaders();
    ForeignReaders(const ForeignReaders&) = delete;
    ForeignReaders& operator=(const ForeignReaders&) = delete;

    /// Keeps a callback for a device until it is destroyed.
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
    std::shared_ptr<Impl> impl_;  // with the scan under way, which may outlive this
};

}  // namespace vserd::port
