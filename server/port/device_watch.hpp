#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/loop.hpp"

namespace vserd::port {

/// Reports that a device node may have appeared or changed (created, moved, attributes). One inotify descriptor serves all
/// ports and watches the nearest existing directory of each. If inotify is not available, nothing is reported, and ports
/// notice the device when they retry. Io thread only.
class DeviceWatch {
public:
    explicit DeviceWatch(io::Loop& loop);
    ~DeviceWatch();
    DeviceWatch(const DeviceWatch&) = delete;
    DeviceWatch& operator=(const DeviceWatch&) = delete;

    /// A callback for a path. The destructor removes it.
    class Registration {
    public:
        Registration() = default;
        Registration(DeviceWatch* watch, std::size_t id) : watch_(watch), id_(id) {}
        Registration(Registration&& other) noexcept;
        Registration& operator=(Registration&& other) noexcept;
        ~Registration();

    private:
        DeviceWatch* watch_ = nullptr;
        std::size_t id_ = 0;
    };

    [[nodiscard]] Registration watch(const std::string& path, std::function<void()> changed);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::port
