#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vserd::archive {

/// The directory of a port: its name, in which every byte but A-Z a-z 0-9 . _ - is written as %XX, and also a dot at the
/// beginning.
std::string directory_name(std::string_view port);
/// The inverse. Empty if no port has that directory.
std::optional<std::string> port_name(std::string_view directory);

/// "DIRECTORY/NAME".
std::string path_in(const std::string& directory, std::string_view name);

/// The directory of one port in an archive.
std::string port_path(const std::string& archive, std::string_view port);

/// The files of the segment whose first byte has the offset `base`.
struct SegmentPaths {
    SegmentPaths(const std::string& port_directory, std::uint64_t base);

    std::string log;
    std::string index;
    std::string sealed;
};

/// The base offsets of the segments in a port's directory, in order: of those that have an index. A directory that does not
/// exist has none.
Result<std::vector<std::uint64_t>> segment_bases(const std::string& port_directory);

/// All names in a directory, in order.
Result<std::vector<std::string>> names_in(const std::string& directory);

/// The directory of what was sent to a port's device, in the port's directory.
std::string sent_path(const std::string& port_directory);
/// Whether it is such a directory.
bool is_sent_path(const std::string& directory);
/// The name of the port whose directory it is, "NAME@tx" for what was sent to it, or else the name of the directory.
std::string shown_name(const std::string& directory);

/// The base offset in the name of a segment's file that ends with `suffix`.
std::optional<std::uint64_t> base_in(std::string_view name, std::string_view suffix) noexcept;

inline constexpr std::string_view index_suffix = ".idx";
inline constexpr std::string_view log_suffix = ".log";
inline constexpr std::string_view sealed_suffix = ".log.zst";
inline constexpr std::string_view temporary_suffix = ".tmp";    ///< unfinished, removed by the next start
inline constexpr std::string_view damaged_suffix = ".damaged";  ///< moved aside, kept for an operator
inline constexpr std::string_view sent_name = "@tx";            ///< the directory of no port
inline constexpr std::string_view reservation_name = "state";

}  // namespace vserd::archive
