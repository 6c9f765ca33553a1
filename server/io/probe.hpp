#pragma once

#include "io/engine.hpp"

namespace vserd::io {

/// Moves real bytes through the engine on a real pty (a socket pair where there are no ptys): a read that waits, a
/// write, a cancel, a hang-up. Takes milliseconds; gives up after a second. The error's message says which of them
/// failed. The engine may still hold what failed and belongs to this thread now: throw it away afterwards.
Result<void> probe_engine(Engine& engine);

}  // namespace vserd::io
