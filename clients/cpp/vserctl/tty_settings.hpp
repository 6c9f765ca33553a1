#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace vserctl {

/// The settings that a pseudo terminal and the remote line share.
struct TtySettings {
    std::uint32_t baud = 0;
    bool rts_cts = false;

    friend bool operator==(const TtySettings&, const TtySettings&) = default;
};

/// What to change on the remote line.
struct TtyChange {
    std::optional<std::uint32_t> baud;
    std::optional<bool> rts_cts;

    friend bool operator==(const TtyChange&, const TtyChange&) = default;
};

/// Keeps the settings of the pty and of the remote line equal. A local change goes to the remote line, and a change of the
/// remote line goes to the pty. While a local change is on its way, the pty keeps it, because the events that arrive are older.
class TtyMirror {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit TtyMirror(TtySettings in_force) : pty_(in_force), remote_(in_force) {}

    const TtySettings& remote() const noexcept { return remote_; }
    /// A program may have changed the pty. Returns what to change on the remote line. Ignores 0 baud, which means hang up.
    TtyChange on_pty(TtySettings now, Time time);
    /// The remote line changed. Returns what to put into the pty.
    std::optional<TtySettings> on_remote(TtySettings now);
    /// The remote line has other settings than requested, for example a rounded rate, if on_remote() reported them and the
    /// requested ones did not follow in time. Returns what to put into the pty.
    std::optional<TtySettings> on_time(Time now);
    /// When to call on_time().
    std::optional<Time> deadline() const noexcept { return waiting_until_; }
    /// The server restarted. Returns the change that the remote line needs again.
    TtyChange restore_remote(TtySettings remote, Time time);
    /// The remote line did not accept the change, or no program is interested in the settings: the remote line decides.
    std::optional<TtySettings> restore_pty(TtySettings remote);

private:
    TtySettings pty_;
    TtySettings remote_;
    std::optional<Time> waiting_until_;  // a local change is on its way
    bool remote_differs_ = false;        // an event meanwhile had other settings
};

}  // namespace vserctl
