#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* send_summary = "Send a file by XMODEM, YMODEM or ZMODEM, with exclusive access";
inline constexpr const char* send_examples =
    "  vserctl send vser0 firmware.bin --xmodem\n  vserctl send vser0 image.gz --zmodem --wait 2m";
inline constexpr const char* receive_summary = "Receive a file by XMODEM, YMODEM or ZMODEM, with exclusive access";
inline constexpr const char* receive_examples =
    "  vserctl receive vser0 dump.bin --ymodem\n  vserctl receive vser0 core.gz --zmodem --json";

/// Parses into `command`, which outlives `app`. It says whether the command sends.
void add_transfer_options(CLI::App& app, TransferCommand& command);
/// Throws CLI::ValidationError if no protocol was chosen.
const TransferCommand& checked_transfer(const TransferCommand& command);

}  // namespace vserctl
