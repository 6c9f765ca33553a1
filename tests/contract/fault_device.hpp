#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "io/pty.hpp"

namespace vserd {

/// What a run gives its port: small, so that it meets the limits; and its time.
namespace fault {
inline constexpr std::size_t history_bytes = 12'000;
inline constexpr std::size_t tx_queue_bytes = 3000;
inline constexpr std::chrono::seconds patience{60};
}  // namespace fault

/// The device of a run: ptys that are plugged and pulled under one name.
class FaultDevice {
public:
    explicit FaultDevice(std::filesystem::path node) : node_(std::move(node)) {}
    ~FaultDevice();
    FaultDevice(const FaultDevice&) = delete;
    FaultDevice& operator=(const FaultDevice&) = delete;

    const std::filesystem::path& node() const noexcept { return node_; }

    void plug();
    void unplug();
    /// As a device manager does when a device comes; the port then does not wait to open it again.
    void announce() const;

    /// It says so while it is plugged; what it has not said is gone with it.
    void say(const std::string& bytes);
    bool has_said_all() const noexcept { return to_say_.empty(); }

    // A little of its work; returns whether there was any.
    bool send();
    bool receive();

private:
    const std::filesystem::path node_;
    std::optional<io::Pty> pty_;
    std::string to_say_;
};

}  // namespace vserd
