#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "line/line.hpp"
#include "line/node_identity.hpp"

namespace vserd::port {

/// A request to open a port's device on a worker. The worker owns it, because the driver may hang.
struct OpenRequest {
    std::string device;
    base::Fd held;  ///< from the previous process, to resume; empty: open the device
    line::ValidSettings settings;
    line::LineOptions options;
    std::optional<line::Terminal> closed;  ///< a pseudo terminal that was closed: do not open another with its number
    bool any_terminal = false;             ///< ignore `closed`
};

struct OpenedLine {
    std::shared_ptr<line::Line> line;
    line::Settings settings;  ///< in force
    line::LineStatus status;
    line::ValidSettings asked;  ///< the requested settings
    bool taken_over = false;    ///< `held` was resumed
    std::optional<line::Terminal> terminal = std::nullopt;
};

/// Blocks as long as the driver does.
Result<OpenedLine> open_device(OpenRequest request);

}  // namespace vserd::port
