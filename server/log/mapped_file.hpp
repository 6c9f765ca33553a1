#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::log {

/// Memory that is mapped from a file, or private memory. If the file is truncated or its disk is full, an access raises
/// SIGBUS. The handler then maps private memory in place of the file from that page on, and cuts() counts it. Any thread may
/// trigger that.
class MappedFile {
public:
    /// Further files are mapped too, but their truncation ends the process.
    static constexpr std::size_t guarded_max = 16384;

    /// `file` below 0: private memory.
    static Result<MappedFile> map(int file, std::size_t bytes);
    /// Call once, before any file is mapped. A SIGBUS at any other address still ends the process.
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
    std::size_t place_;  // index in the signal handler's table
};

}  // namespace vserd::log
