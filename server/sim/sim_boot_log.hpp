#pragma once

#include <chrono>
#include <span>
#include <string_view>

namespace vserd::sim {

/// A line that the simulated computer prints while it boots, and the pause before it.
struct BootLine {
    std::chrono::milliseconds pause;
    std::string_view text;
};

/// All of it, about a second long.
std::span<const BootLine> sim_boot_log();

/// The number of lines at the end that user space prints, which `dmesg` does not show.
std::size_t sim_boot_log_user_lines();

}  // namespace vserd::sim
