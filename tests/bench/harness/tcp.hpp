#pragma once

#include "base/fd.hpp"

namespace vserd::bench {

/// A blocking connection to 127.0.0.1 with TCP_NODELAY, whose reads end after 10 s without a byte. Throws.
base::Fd tcp_connect(int port);

}  // namespace vserd::bench
