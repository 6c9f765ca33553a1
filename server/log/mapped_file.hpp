#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::log {

/// Memory shared with a file, or of this process alone. Where somebody shortens the file, or its disk has no room for a
/// page, the kernel sends SIGBUS: memory of this process then takes the place of the file from that page on, and cuts()
/// counts it. Any thread may meet that.
class MappedFile {
public:
    /// More are mapped all the same, and end the process when they are cut.
    static constexpr std::size_t guarded_max = 16384;

    /// `file` below 0: memory of this process.
    static Result<MappedFile> map(int file, std::size_t bytes);
    /// For the process: once, before there are files. Other accesses to no memory end it as ever.
    static void install_handler();

    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();

    std::byte* data() const noexcept { return data_; }
    std::size_t bytes() const noexcept { return bytes_; }
    std::uint32_t cuts() const noexcept;

private:
    MappedFile(std::byte* data, std::size_t bytes) noexcept;

    std::byte* data_;
    std::size_t bytes_;
    std::size_t place_;  // in the table that the handler reads
};

}  // namespace vserd::log
