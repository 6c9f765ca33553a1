#pragma once

#include <string_view>

#include "vserctl/mode_tracker.hpp"

namespace vserctl {

/// stdout for the bytes of a device, in commands that only print. If stdout is a terminal, it undoes the modes that the device
/// changed, at the end or when a signal ends the program. Only one may exist at a time.
class DeviceOutput {
public:
    DeviceOutput();
    ~DeviceOutput();
    DeviceOutput(const DeviceOutput&) = delete;
    DeviceOutput& operator=(const DeviceOutput&) = delete;

    /// Throws OutputFailed, like put().
    void show(std::string_view bytes);

private:
    bool is_terminal_;
    ModeTracker modes_;
};

}  // namespace vserctl
