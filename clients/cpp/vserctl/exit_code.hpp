#pragma once

#include "vser_client/result.hpp"

namespace vserctl {

/// The exit status, which scripts use. Documented in the manual page.
enum ExitCode : int { exit_ok = 0, exit_refused = 1, exit_usage = 2, exit_no_connection = 3 };

inline int exit_code(const vser::client::Error& error) {
    return error.is_transport() ? exit_no_connection : exit_refused;
}

}  // namespace vserctl
