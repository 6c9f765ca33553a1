#include "net/memory_guard.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace vserd::net {
namespace {

constexpr std::chrono::seconds baseline_interval{1};
constexpr std::chrono::seconds trim_interval{1};
constexpr std::chrono::milliseconds look_interval{20};

std::int64_t in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

}  // namespace

MemoryGuard::MemoryGuard(std::uint64_t memory_max)
    : memory_max_(static_cast<std::int64_t>(memory_max)),
      statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      baseline_(in_use()) {}

void MemoryGuard::set_baseline() {
    const auto now = std::chrono::steady_clock::now();
    if (now - baseline_time_ < baseline_interval) return;
    baseline_time_ = now;
    baseline_ = in_use();
}

/// Without shared memory. In statm (proc(5)), resident and shared are the second and third number, in pages.
std::int64_t MemoryGuard::resident_bytes() const {
    std::array<char, 128> text{};
    if (::pread(statm_.get(), text.data(), text.size() - 1, 0) <= 0) return 0;
    char* rest = nullptr;
    std::strtoll(text.data(), &rest, 10);
    const std::int64_t resident = std::strtoll(rest, &rest, 10);
    const std::int64_t shared = std::strtoll(rest, &rest, 10);
    return (resident - shared) * ::sysconf(_SC_PAGESIZE);
}

std::int64_t MemoryGuard::excess(std::chrono::steady_clock::time_point now) {
    if (now - looked_ < look_interval) return 0;
    looked_ = now;
    // Asking the heap takes its locks, so do that only near the limit.
    const std::int64_t resident = resident_bytes();
    if (resident < memory_max_ / 2) return 0;
    const std::int64_t used = in_use();
    if (resident - baseline_ > memory_max_ / 2 && resident - used > memory_max_ / 4 && now - trimmed_ > trim_interval) {
        trimmed_ = now;
        ::malloc_trim(0);
    }
    return used - baseline_ - memory_max_ / 8 * 5;
}

}  // namespace vserd::net
