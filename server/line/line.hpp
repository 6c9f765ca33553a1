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

enum class Kind : std::uint8_t { vser, tty, simulated, archive };  ///< archive: no device, and no line

/// The capabilities of an open device. A missing capability does not make open fail.
struct Capabilities {
    bool baud = false;           ///< speed can be set
    bool format = false;         ///< frame can be set
    bool flow_control = false;   ///< RTS/CTS and XON/XOFF
    bool modem_signals = false;  ///< DTR and RTS can be set; CTS, DSR, DCD and RI can be read
    bool send_break = false;
    bool flush = false;
    bool error_counters = false;
};

/// Modem lines and error counters, read in one poll.
struct LineStatus {
    Signals signals;
    LineErrors errors;
};

/// A change of the settings of an open device by another program.
struct OutsideChange {
    Settings found;     ///< set by the other program
    Settings in_force;  ///< after check_settings()
};

/// Options of a device apart from its settings.
struct LineOptions {
    bool hangup_on_close = false;  ///< the kernel drops DTR and RTS when the last process closes the device (HUPCL)

    friend bool operator==(const LineOptions&, const LineOptions&) = default;
};

/// An open device: its descriptor, settings and modem lines. The destructor closes it.
///
/// Thread: one caller at a time. A port calls it on the worker pool, because ioctls may be slow. All descriptors are opened
/// with O_NONBLOCK, and that flag never changes. Errors: Failure::unsupported with the capability's name as subject
/// ("modem_signals", "send_break", ...), Failure::invalid_argument, or Failure::io with the errno.
class Line {
public:
    virtual ~Line() = default;
    virtual Kind kind() const noexcept = 0;
    virtual Capabilities capabilities() const noexcept = 0;
    virtual int fd() const noexcept = 0;  ///< for an engine; never changes
    virtual Result<Settings> apply(
        const ValidSettings& wanted) = 0;  ///< returns the settings in force; drivers may round
    /// Like apply(), without waiting until the driver has sent its output.
    virtual Result<Settings> apply_at_once(const ValidSettings& wanted) { return apply(wanted); }
    virtual Result<Settings> read_back() = 0;
    /// Whether other programs can change the settings while the device is open here.
    virtual bool shares_settings() const noexcept { return false; }
    /// Returns a change by another program since the last apply(), read_back() or check_settings(); empty if there is none.
    /// Always restores the modes that pass bytes unchanged (no line editing, no echo, ...); with `restore`, also the settings.
    virtual Result<std::optional<OutsideChange>> check_settings(bool /*restore*/) {
        return std::optional<OutsideChange>{};
    }
    virtual Result<LineStatus> status() = 0;  ///< 0 for capabilities that the device lacks
    /// Whether status() and settings_changed() never wait for hardware, so that the io thread may call them.
    virtual bool status_is_quick() const noexcept { return false; }
    /// Whether check_settings() has something to do.
    virtual bool settings_changed() { return false; }
    virtual Result<Signals> set_signals(const SignalChange& change) = 0;  ///< DTR and RTS in one step
    /// Starts a break. A device that times breaks itself ends it after `duration`; others need end_break(), so the caller must
    /// call it.
    virtual Result<void> begin_break(std::chrono::milliseconds duration) = 0;
    virtual Result<void> end_break() = 0;
    virtual Result<void> flush(FlushDirection direction) = 0;
    /// Changes the options of an open line (port::open_line() sets the first ones). No effect on devices without options.
    virtual Result<void> set_options(const LineOptions& /*options*/) { return {}; }
    virtual Result<std::uint64_t> output_pending_bytes() = 0;  ///< accepted by the driver, not yet sent
};

}  // namespace vserd::line
