#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "archive/packing.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

/// Calls on files that may block. Errors are Failure::io with a sentence that names the file.
namespace vserd::archive {

Result<base::Fd> open_file(const std::string& path, int flags);
/// Writes all of it, or fails.
Result<void> write_at(const base::Fd& file, ByteView bytes, std::uint64_t at, const std::string& path);
/// Reads up to the end of the file; returns how many bytes.
Result<std::size_t> read_at(const base::Fd& file, std::span<std::byte> bytes, std::uint64_t at,
                            const std::string& path);
Result<std::uint64_t> size_of(const base::Fd& file, const std::string& path);
Result<void> truncate(const base::Fd& file, std::uint64_t bytes, const std::string& path);
/// Writes the file's data to the disk.
Result<void> sync_data(const base::Fd& file, const std::string& path);
/// Makes new, renamed and removed names in the directory durable.
Result<void> sync_directory(const std::string& path);
/// Who may look into a directory: its owner and the group, or the owner only.
enum class DirectoryUse : std::uint8_t { shared, secret };
/// Creates the directory and its parent, if they are missing, and makes their names durable.
Result<void> make_directory(const std::string& path, DirectoryUse use = DirectoryUse::shared);
Result<void> rename_file(const std::string& from, const std::string& to);
/// Succeeds if there is no such file.
Result<void> remove_file(const std::string& path);
bool exists(const std::string& path);

}  // namespace vserd::archive
