#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/loop.hpp"

namespace vserd::port {

/// Tells when a device node may have appeared or changed (created, moved in, attributes), by one inotify descriptor for
/// all ports. Watches the nearest directory that exists. Io thread only. Where inotify cannot be had, it never calls:
/// the ports' backoff is the safety net.
class DeviceWatch {
public:
    explicit DeviceWatch(io::Loop& loop);
    ~DeviceWatch();
    DeviceWatch(const DeviceWatch&) = delete;
    DeviceWatch& operator=(const DeviceWatch&) = delete;

    /// Keeps a callback for a path until it is destroyed.
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
