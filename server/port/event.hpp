#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "line/settings.hpp"

namespace vserd::port {

/// What can happen on a port besides bytes. The log keeps each at the offset where it happened.
struct SettingsChanged {
    line::Settings settings;
    bool changed_outside = false;  ///< by another program, not by a request to vserd
};
struct SignalsChanged {
    line::Signals signals;
};
struct LineErrorsCounted {
    line::LineErrors errors;  ///< since the event before
};
struct WentOffline {
    std::string reason;
};
struct CameOnline {
    std::string device;
    std::string engine_refusals = {};  ///< why the device is served by another engine than the first; empty: it is not
    bool taken_over = false;           ///< it was never closed: a process before this one had it open
};
struct BreakSent {
    std::chrono::milliseconds duration;
};
struct WriterChanged {
    std::string client;  ///< who writes exclusively; empty: everybody may
};
/// A flush discarded accepted bytes before they reached the device.
struct Flushed {
    line::FlushDirection direction;
    std::uint64_t bytes;
    std::string client;  ///< who asked for it
};
/// The processes besides vserd that have the device open and may read its bytes: "agetty (pid 123)". Empty: none any more.
struct ForeignReadersFound {
    std::vector<std::string> processes;
};
/// Flow control stopped the output, or let it continue.
struct OutputHeld {
    bool held;
};

using Event = std::variant<SettingsChanged, SignalsChanged, LineErrorsCounted, WentOffline, CameOnline, BreakSent,
                           WriterChanged, Flushed, ForeignReadersFound, OutputHeld>;

}  // namespace vserd::port
