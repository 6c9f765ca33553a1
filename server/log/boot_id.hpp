#pragma once

#include <cstdint>
#include <string>

namespace vserd::log {

/// The id of this boot of the machine, in systemd's format; empty if it is unknown. A service that cannot read it from /proc
/// gets it from its unit (VSERD_BOOT_ID).
std::string boot_id();

/// The same as a number, which is never 0. If the boot id is unknown, each process counts as a boot.
std::uint64_t boot_number();

}  // namespace vserd::log
