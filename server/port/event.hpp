#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "line/settings.hpp"

namespace vserd::port {

/// What can happen on a port besides bytes. The log keeps each at the offset where it happened.
struct SettingsChanged {
    line::Settings settings;
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

using Event =
    std::variant<SettingsChanged, SignalsChanged, LineErrorsCounted, WentOffline, CameOnline, BreakSent, WriterChanged>;

}  // namespace vserd::port
