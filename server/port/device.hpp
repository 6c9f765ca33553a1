#pragma once

#include <memory>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "line/line.hpp"

/// From the device string of the configuration to an open line. The only place that knows every kind of line.
namespace vserd::port {

/// The kind of line that a device string means; opens nothing. "sim:..." is simulated. A node of the vser driver's class, or
/// one named /dev/vser*, is vser. Everything else is a tty.
line::Kind kind_of(std::string_view device);

/// Opens a device and applies `settings`. Blocks for as long as the driver does: call it on the worker pool.
/// Fails if the device rejects `settings`, but not if it has no settings at all (see line::Capabilities).
/// The messages say what to do: they name the process that holds a busy device (pid and command), the group that may open it,
/// or say that the path is a directory or no serial device.
Result<std::unique_ptr<line::Line>> open_line(std::string_view device, const line::ValidSettings& settings,
                                              const line::LineOptions& options = {});

/// Resumes a device that an earlier process left open, by its descriptor. The device is neither opened nor closed, so no modem
/// line changes. `settings` are applied only where they differ. Fails if the descriptor is no longer that device, and closes it
/// then: open the device instead.
Result<std::unique_ptr<line::Line>> adopt_line(std::string_view device, base::Fd held,
                                               const line::ValidSettings& settings,
                                               const line::LineOptions& options = {});

/// Checks the syntax of a device string: an absolute path, or a known simulator. The subject of a failure is "device".
Result<void> check_device(std::string_view device);

}  // namespace vserd::port
