#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "line/settings.hpp"

namespace vserd::line {

enum class Kind : std::uint8_t { vser, tty, simulated };

/// What the open device can do. A missing capability is a flag to read, never an error at open.
struct Capabilities {
    bool baud = false;           ///< speed can be set
    bool format = false;         ///< frame can be set
    bool flow_control = false;   ///< RTS/CTS and XON/XOFF
    bool modem_signals = false;  ///< DTR and RTS can be set, CTS, DSR, DCD and RI be read
    bool send_break = false;
    bool flush = false;
    bool error_counters = false;
};

/// Wires and error counts together, as one poll of the driver sees them.
struct LineStatus {
    Signals signals;
    LineErrors errors;
};

/// What another program made of the settings of an open device.
struct OutsideChange {
    Settings found;     ///< as it left them
    Settings in_force;  ///< now, after what check_settings() did
};

/// What a port wants of a device besides its settings.
struct LineOptions {
    bool hangup_on_close = false;  ///< the kernel drops DTR and RTS when the last process closes the device (HUPCL)

    friend bool operator==(const LineOptions&, const LineOptions&) = default;
};

/// An open device: its descriptor, settings and wires. Closing is destruction.
///
/// Thread: one caller at a time. A port calls it on the worker pool (ioctls may be slow) and never twice at once. All
/// descriptors are opened O_NONBLOCK, and that flag is never changed. Failures: Failure::unsupported with the capability's
/// name as subject ("modem_signals", "send_break", ...), Failure::invalid_argument, or Failure::io with the errno.
class Line {
public:
    virtual ~Line() = default;
    virtual Kind kind() const noexcept = 0;
    virtual Capabilities capabilities() const noexcept = 0;
    virtual int fd() const noexcept = 0;  ///< for an engine; stays the same for the life of the line
    virtual Result<Settings> apply(const ValidSettings& wanted) = 0;  ///< what is in force after it; drivers may round
    /// As apply(), without waiting for what the driver still has to send.
    virtual Result<Settings> apply_at_once(const ValidSettings& wanted) { return apply(wanted); }
    virtual Result<Settings> read_back() = 0;
    /// Whether other programs can change the settings while we have the device open.
    virtual bool shares_settings() const noexcept { return false; }
    /// What another program changed since apply(), read_back() or this; nothing: it changed nothing. Modes that keep bytes
    /// from passing as they are (line editing, echo, ...) are undone in any case; `restore`: the rest too.
    virtual Result<std::optional<OutsideChange>> check_settings(bool /*restore*/) {
        return std::optional<OutsideChange>{};
    }
    virtual Result<LineStatus> status() = 0;  ///< zeroes for what the device lacks
    /// Whether status() never waits for hardware, so that the io thread may call it.
    virtual bool status_is_quick() const noexcept { return false; }
    virtual Result<Signals> set_signals(const SignalChange& change) = 0;  ///< both wires in one step
    /// Starts a break. A device that times breaks itself ends it after `duration`; the others hold it until end_break(),
    /// which the caller owes them then.
    virtual Result<void> begin_break(std::chrono::milliseconds duration) = 0;
    virtual Result<void> end_break() = 0;
    virtual Result<void> flush(FlushDirection direction) = 0;
    /// For a line that is open; port::open_line() takes them for one that is not. Devices without them take any.
    virtual Result<void> set_options(const LineOptions& /*options*/) { return {}; }
    virtual Result<std::uint64_t> output_pending_bytes() = 0;  ///< accepted by the driver, not yet on the wire
};

}  // namespace vserd::line
