#pragma once

#include <string>

namespace vserd {

/// Tells systemd (Type=notify) how the daemon is doing; does nothing where NOTIFY_SOCKET is not set.
void notify_ready(const std::string& status);
void notify_reloading();
void notify_status(const std::string& status);
void notify_stopping();

}  // namespace vserd
