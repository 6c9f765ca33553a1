#pragma once

#include <string>

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

/// All commands except `attach`. Each prints its result and returns the exit code.
namespace vserctl {

int run_ports(const vser::client::Client& client, const PortsCommand& command, bool json);
int run_info(const vser::client::Client& client, const Options& options);
int run_health(const vser::client::Client& client, const HealthCommand& command, bool json);
/// One event for people; `bridge`: which one tells it, or empty.
std::string watch_line(const vser::client::PortEvent& event, const std::string& bridge = {});
int run_watch(const vser::client::Client& client, const WatchCommand& command, bool json);
int run_read(const vser::client::Client& client, const ReadCommand& command, const Options& options);
int run_write(const vser::client::Client& client, const WriteCommand& command, const Options& options);
int run_baud(const vser::client::Client& client, const BaudCommand& command, bool json);
int run_format(const vser::client::Client& client, const FormatCommand& command, bool json);
int run_signals(const vser::client::Client& client, const SignalsCommand& command, bool json);
int run_break(const vser::client::Client& client, const BreakCommand& command, bool json);
int run_flush(const vser::client::Client& client, const FlushCommand& command, bool json);

}  // namespace vserctl
