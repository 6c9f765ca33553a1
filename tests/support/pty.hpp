#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "io/pty.hpp"
#include "support/patience.hpp"

namespace vserd::test {

/// As io::open_pty(), but a failure is an exception and so fails the test.
io::Pty open_pty();

/// Waits for poll(2) events on a descriptor; false at the deadline. 0 waits for a hang-up or an error alone.
bool wait_for(int fd, short events, std::chrono::milliseconds timeout = patience);

/// Writes all of it to a non-blocking descriptor, waiting for room. Throws at the deadline.
void write_all(int fd, std::string_view bytes, std::chrono::milliseconds timeout = patience);

/// Reads exactly that many bytes, or fewer where the other end hangs up first. Throws at the deadline.
std::string read_exactly(int fd, std::size_t size, std::chrono::milliseconds timeout = patience);

/// Bytes that differ at each position of a large text, for checks of order and loss: the same for the same arguments.
std::string pattern(std::size_t size, unsigned seed = 1);

}  // namespace vserd::test
