#include "vserctl/tty_settings.hpp"

namespace vserctl {
namespace {

// The server reports a change at once, unless the port is still sending what was written before.
constexpr std::chrono::seconds settings_timeout{2};

TtyChange difference(const TtySettings& from, const TtySettings& to) {
    TtyChange change;
    if (from.baud != to.baud) change.baud = to.baud;
    if (from.rts_cts != to.rts_cts) change.rts_cts = to.rts_cts;
    return change;
}

}  // namespace

TtyChange TtyMirror::on_pty(TtySettings now, Time time) {
    if (now.baud == 0) now.baud = pty_.baud;
    const auto change = difference(pty_, now);
    if (change == TtyChange{}) return change;
    pty_ = now;
    waiting_until_ = time + settings_timeout;
    remote_differs_ = false;
    return change;
}

std::optional<TtySettings> TtyMirror::on_remote(TtySettings now) {
    remote_ = now;
    if (now == pty_) {
        waiting_until_.reset();
        return std::nullopt;
    }
    remote_differs_ = true;
    if (waiting_until_) return std::nullopt;
    return restore_pty(now);
}

std::optional<TtySettings> TtyMirror::on_time(Time now) {
    if (!waiting_until_ || now < *waiting_until_) return std::nullopt;
    waiting_until_.reset();
    if (!remote_differs_) return std::nullopt;  // the change is still behind other bytes
    return restore_pty(remote_);
}

TtyChange TtyMirror::restore_remote(TtySettings remote, Time time) {
    remote_ = remote;
    const auto change = difference(remote, pty_);
    waiting_until_.reset();
    remote_differs_ = false;
    if (change != TtyChange{}) waiting_until_ = time + settings_timeout;
    return change;
}

std::optional<TtySettings> TtyMirror::restore_pty(TtySettings remote) {
    remote_ = remote;
    waiting_until_.reset();
    if (remote == pty_) return std::nullopt;
    pty_ = remote;
    return remote;
}

}  // namespace vserctl
