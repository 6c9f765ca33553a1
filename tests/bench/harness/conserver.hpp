#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "harness/line_end.hpp"

/// What conserver's own client does, as far as a bench needs it.
namespace vserd::bench::conserver {

/// Consoles "p<i>" for anyone on this machine, without a log.
std::string configuration(const std::vector<Line>& lines);

/// The port of the process that has the console, for each. Waits until the last of them serves: each opens its devices
/// before it answers. No console has a client meanwhile, because the next would only be allowed to read. Throws.
std::vector<int> group_ports(int master_port, std::size_t lines);

/// A client of console "p<line>", connected: what follows are the console's bytes, with 0xFF doubled both ways. Throws.
base::Fd connect(int group_port, std::size_t line);

/// Has the server look for a command after two bytes that nothing in the bench sends one after the other. The first is above 250.
void move_escape(int fd);

/// As the server wants it.
void quote(std::span<const std::byte> bytes, std::vector<std::byte>& quoted);

/// What the server doubled; keeps what it needs from one piece to the next.
class Unquote {
public:
    /// In place; returns the part of `bytes` that holds the result.
    std::span<std::byte> take(std::span<std::byte> bytes) noexcept;

private:
    bool pending_ = false;
};

}  // namespace vserd::bench::conserver
