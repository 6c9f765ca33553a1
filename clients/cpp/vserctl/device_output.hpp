#pragma once

#include <string_view>

#include "vserctl/mode_tracker.hpp"

namespace vserctl {

/// stdout for the bytes of a device, in commands that only print. Where it is a terminal, the modes that the device
/// changed are undone at the end, and also when a signal ends the program. One at a time.
class DeviceOutput {
public:
    DeviceOutput();
    ~DeviceOutput();
    DeviceOutput(const DeviceOutput&) = delete;
    DeviceOutput& operator=(const DeviceOutput&) = delete;

    /// As put(): throws OutputFailed.
    void show(std::string_view bytes);

private:
    bool is_terminal_;
    ModeTracker modes_;
};

}  // namespace vserctl
