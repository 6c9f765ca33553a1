#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "log/byte_log_items.hpp"

/// Looks after an archive without a daemon. The functions for a port take its directory; those for an archive visit each port.
namespace vserd::archive {

struct PortStat {
    std::string port;
    std::vector<std::string> log_ids;  ///< in order
    log::Cursor oldest;
    log::Cursor next;
    std::optional<log::WallTime> oldest_time;  ///< of the first and the last record
    std::optional<log::WallTime> newest_time;
    std::uint64_t segments = 0;
    std::uint64_t sealed_segments = 0;
    std::uint64_t unreadable_segments = 0;
    std::uint64_t disk_bytes = 0;
};

/// Something that is not right. Nothing at all was changed by finding it.
struct Finding {
    std::string path;
    std::uint64_t from = 0;  ///< the device's bytes that are affected; from == to: none
    std::uint64_t to = 0;
    std::uint64_t events = 0;
    std::string problem;
};

struct VerifyReport {
    std::string port;
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;  ///< of the device, that are right
    std::uint64_t events = 0;
    std::uint64_t gaps = 0;           ///< recorded when they happened, or between segments; no damage
    std::uint64_t missing_bytes = 0;  ///< in all gaps
    std::vector<Finding> findings;
};

/// Reads headers and ends of the indexes only.
Result<PortStat> stat_port(const std::string& port_directory);
/// Reads everything and writes nothing. Failures to read are findings too.
Result<VerifyReport> verify_port(const std::string& port_directory);
/// Makes verify_port() find nothing, and returns what it found before: removes unfinished files, cuts the interrupted end of the last
/// segment, records damage as gaps, and moves aside files that cannot be used. No daemon may use the archive meanwhile.
Result<VerifyReport> repair_port(const std::string& port_directory);

/// The directories of the ports in an archive, each followed by that of what was sent to the port, if it has one.
Result<std::vector<std::string>> port_directories(const std::string& archive);

}  // namespace vserd::archive
