#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "line/line.hpp"
#include "line/node_identity.hpp"

namespace vserd::port {

/// What a worker needs to open a port's device. It owns all of it, because it may be stuck in the driver.
struct OpenRequest {
    std::string device;
    base::Fd held;  ///< the device as a process before this one had it; none: it is opened
    line::ValidSettings settings;
    line::LineOptions options;
    std::optional<line::Terminal> closed;  ///< a terminal that was closed: no other that gets its number is opened
    bool any_terminal = false;             ///< or it is
};

struct OpenedLine {
    std::shared_ptr<line::Line> line;
    line::Settings settings;  ///< in force
    line::LineStatus status;
    line::ValidSettings asked;  ///< for `settings`
    bool taken_over = false;    ///< it was not opened: `held` was resumed
    std::optional<line::Terminal> terminal = std::nullopt;
};

/// Blocks for as long as the driver does.
Result<OpenedLine> open_device(OpenRequest request);

}  // namespace vserd::port
