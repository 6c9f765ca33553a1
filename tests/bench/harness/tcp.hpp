#pragma once

#include "io/fd.hpp"

namespace vserd::bench {

/// A blocking connection to 127.0.0.1 with TCP_NODELAY. Throws.
io::Fd tcp_connect(int port);

}  // namespace vserd::bench
