#pragma once

#include <memory>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "line/line.hpp"

/// Opens the line of a device string in the configuration. The only file that knows every kind of line.
namespace vserd::port {

/// Returns the kind of line for a device string, without opening it. "sim:..." is simulated. A node of the vser driver's
/// class, or one named /dev/vser*, is vser. Any other path is a tty.
line::Kind kind_of(std::string_view device);

/// Opens a device and applies `settings`. Blocks as long as the driver does: call it on the worker pool.
/// Fails if the device rejects `settings`, but not if it has no settings at all (see line::Capabilities).
/// Error messages name the process that uses a busy device (pid and command), or the group that may open it, or say that
/// the path is not a serial device.
Result<std::unique_ptr<line::Line>> open_line(std::string_view device, const line::ValidSettings& settings,
                                              const line::LineOptions& options = {});

/// Resumes a device that an earlier process left open, through its descriptor. The device is neither opened nor closed, so no
/// modem line changes. Only `settings` that differ are applied. Fails and closes the descriptor if it no longer belongs to
/// `device`; then call open_line().
Result<std::unique_ptr<line::Line>> adopt_line(std::string_view device, base::Fd held,
                                               const line::ValidSettings& settings,
                                               const line::LineOptions& options = {});

/// Checks the syntax of a device string: an absolute path, or a known simulator. The subject of a failure is "device".
Result<void> check_device(std::string_view device);

}  // namespace vserd::port
