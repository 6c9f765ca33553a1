#pragma once

#include <map>
#include <string>
#include <vector>

#include "vser_client/console.hpp"
#include "vser_client/types.hpp"

/// Text for people. It contains nothing that could control a terminal.
namespace vserctl {

/// "9600 8N1", "the device is disconnected: unplugged", ...
std::string describe(const vser::client::Event& event);
std::string describe(const vser::client::Gap& gap);
std::string describe(const vser::client::Disconnected& lost);
std::string describe(const vser::client::Reconnected& back);
std::string describe(const vser::client::LogRestarted& restart);
/// "dtr on, rts off, ...".
std::string describe(const vser::client::Signals& signals);
/// A message about other processes that read a port's device.
std::string describe_readers(const std::vector<std::string>& processes);
/// "board=rpi4,rack=3", as --labels takes it.
std::string describe_labels(const std::map<std::string, std::string>& labels);
/// "512 B", "1.5 MB".
std::string human_bytes(std::uint64_t bytes);
/// "3 d 4 h", "12 s", "0.3 s".
std::string human_duration(std::chrono::nanoseconds duration);

}  // namespace vserctl
