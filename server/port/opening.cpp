#include "port/opening.hpp"

#include <utility>

#include "port/device.hpp"

namespace vserd::port {
namespace {

using SharedLine = std::shared_ptr<line::Line>;

Result<SharedLine> open_anew(const OpenRequest& request) {
    const bool careful = !request.any_terminal;
    if (careful && request.closed && !line::may_reopen(request.device, *request.closed))
        return line::terminal_error(request.device);
    auto line = open_line(request.device, request.settings, request.options);
    if (line) return SharedLine(std::move(*line));
    if (careful && line.error().errno_value == ENOENT && line::names_missing_terminal(request.device))
        return line::terminal_error(request.device);
    return line.error();
}

/// Returns null if the device has to be opened.
SharedLine adopt(OpenRequest& request) {
    if (!request.held) return nullptr;
    // Remember the terminal before adopting it: if it was closed, another one may have its number.
    auto held = line::terminal_at(request.device, request.held.get());
    if (held) request.closed = line::Terminal{std::move(held->node), std::nullopt};
    auto line = adopt_line(request.device, std::move(request.held), request.settings, request.options);
    return line ? SharedLine(std::move(*line)) : nullptr;
}

}  // namespace

Result<OpenedLine> open_device(OpenRequest request) {
    SharedLine line = adopt(request);
    const bool taken_over = line != nullptr;
    if (!taken_over) {
        auto opened = open_anew(request);
        if (!opened) return opened.error();
        line = std::move(*opened);
    }
    OpenedLine opened{std::move(line), request.settings, {}, request.settings, taken_over};
    opened.terminal = line::terminal_at(request.device, opened.line->fd());
    const auto in_force = opened.line->read_back();
    if (!in_force) return in_force.error();
    opened.settings = *in_force;
    const auto status = opened.line->status();
    if (!status) return status.error();
    opened.status = *status;
    return opened;
}

}  // namespace vserd::port
