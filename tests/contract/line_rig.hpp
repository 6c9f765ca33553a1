#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "line/line.hpp"

namespace vserd::line {

/// A device of one kind, with the far end of its wire in the test's hands.
class LineRig {
public:
    virtual ~LineRig() = default;
    virtual std::string device() const = 0;
    /// What the device makes of a format that it takes: a pseudo terminal, say, has always 8 bits and no parity.
    virtual Format in_force(Format wanted) const { return wanted; }
    /// Returns `count` bytes that the line has sent to it.
    virtual void echo(std::size_t count) = 0;
};

/// The kinds of lines that this machine has for the contract suite: "pty", "sim" and, with the driver loaded, "vser".
std::vector<std::string> line_kinds();

/// Why "vser" is not among them; empty if it is.
std::string why_no_vser();

std::unique_ptr<LineRig> make_rig(const std::string& kind);

}  // namespace vserd::line
