#pragma once

#include <cstdint>
#include <string>

namespace vserd::log {

/// Which boot of the machine this is, as systemd writes it; empty where that cannot be found out. A service that does not
/// see all of /proc is told by its unit (VSERD_BOOT_ID).
std::string boot_id();

/// The same as a number that is never 0. Where the boot is not known, each process counts as one.
std::uint64_t boot_number();

}  // namespace vserd::log
