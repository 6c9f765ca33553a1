#pragma once

namespace vserd {

/// Whether systemd stops this process in order to start its unit again: `systemctl restart`, and so an upgrade. False without
/// systemd or its bus, and for a stop. Asks systemd, for half a second at most. Any thread.
bool is_restart_job();

}  // namespace vserd
