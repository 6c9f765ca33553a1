#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "line/settings.hpp"

namespace vserd::port {

// Events of a port. The log stores each at the offset at which it happened.
struct SettingsChanged {
    line::Settings settings;
    bool changed_outside = false;  ///< by another program, not by a request to vserd
};
struct SignalsChanged {
    line::Signals signals;
};
struct LineErrorsCounted {
    line::LineErrors errors;  ///< since the previous event
};
struct WentOffline {
    std::string reason;
};
struct CameOnline {
    std::string device;
    std::string engine_refusals = {};  ///< why the first engine does not serve the device; empty if it does
    bool taken_over = false;           ///< resumed from the previous process without closing the device
};
struct BreakSent {
    std::chrono::milliseconds duration;
};
enum class LeaseChange : std::uint8_t { none, acquired, released, expired, taken_over };
/// A client obtained the port's lease, or its lease ended.
struct WriterChanged {
    std::string client = {};    ///< holds the port; empty: all clients may write
    std::string via = {};       ///< the face that it uses
    std::string previous = {};  ///< the client whose lease ended
    std::string reason = {};    ///< what the holder needs the port for
    std::uint64_t lease = 0;
    LeaseChange change = LeaseChange::none;
    std::chrono::system_clock::time_point since = {};
};
/// A flush discarded accepted bytes before they reached the device.
struct Flushed {
    line::FlushDirection direction;
    std::uint64_t bytes;
    std::string client;  ///< requested the flush
};
/// Other processes that have the device open and may read its bytes: "agetty (pid 123)". Empty if there are none any more.
struct ForeignReadersFound {
    std::vector<std::string> processes;
};
/// Flow control stopped or released the output.
struct OutputHeld {
    bool held;
};
/// A message from a client to everybody attached to the port.
struct Notice {
    std::string text;  ///< one printable line
    std::string from;
};

using Event = std::variant<SettingsChanged, SignalsChanged, LineErrorsCounted, WentOffline, CameOnline, BreakSent,
                           WriterChanged, Flushed, ForeignReadersFound, OutputHeld, Notice>;

}  // namespace vserd::port
