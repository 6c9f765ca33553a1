#pragma once

#include "base/fd.hpp"

namespace vserd::test {

/// A TCP connection of this process with itself.
struct TcpPair {
    base::Fd client;
    base::Fd server;
};

TcpPair connect_pair();

}  // namespace vserd::test
