#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::io {

/// A pseudo terminal: bytes written to one end are read from the other. Both ends are raw (no echo, no translation),
/// non-blocking and closed on exec.
struct Pty {
    base::Fd master;
    base::Fd slave;    ///< the end that looks like a serial device
    std::string path;  ///< of the slave
};

/// Any thread.
Result<Pty> open_pty();

}  // namespace vserd::io
