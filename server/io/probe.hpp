#pragma once

#include "io/engine.hpp"

namespace vserd::io {

/// Tests the engine on a pty, or on a socket pair if the system has no ptys: a read that waits, a write, a cancel and a
/// hang-up. Takes milliseconds; each step fails after a second. The error's message names the step that failed.
/// Destroy the engine afterwards: it may still refer to the failed operation, and it may be bound to this thread.
Result<void> probe_engine(Engine& engine);

}  // namespace vserd::io
