#include "log/mapped_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

namespace vserd::log {
namespace {

struct Guarded {
    std::atomic<std::uintptr_t> begin{0};  ///< 0: free
    std::atomic<std::uintptr_t> end{0};    ///< 0: the handler ignores the entry
    std::atomic<std::uint32_t> cuts{0};
};

// Global, because a signal handler can use nothing else.
std::array<Guarded, MappedFile::guarded_max> table;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<std::size_t> table_used{0};              // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

constexpr std::size_t guarded_page_bytes = 4096;

std::size_t guard(std::uintptr_t begin, std::size_t bytes) noexcept {
    for (std::size_t place = 0; place < table.size(); ++place) {
        std::uintptr_t free = 0;
        if (!table[place].begin.compare_exchange_strong(free, begin)) continue;
        table[place].cuts.store(0);
        table[place].end.store(begin + bytes);
        std::size_t used = table_used.load();
        while (used <= place && !table_used.compare_exchange_weak(used, place + 1)) continue;
        return place;
    }
    return MappedFile::guarded_max;
}

/// Maps memory from that page on. Returns whether it succeeded.
bool replace(std::uintptr_t address) noexcept {
    const std::size_t used = table_used.load();
    for (std::size_t place = 0; place < used; ++place) {
        Guarded& guarded = table[place];
        const std::uintptr_t end = guarded.end.load();
        if (address < guarded.begin.load() || address >= end) continue;
        const std::uintptr_t page = address / guarded_page_bytes * guarded_page_bytes;
        void* const memory = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ | PROT_WRITE,  // NOLINT
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        guarded.cuts.fetch_add(1);
        return memory != MAP_FAILED;
    }
    return false;
}

extern "C" void vserd_take_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
    const int error = errno;
    const bool replaced = replace(reinterpret_cast<std::uintptr_t>(info->si_addr));
    errno = error;
    if (!replaced) std::signal(SIGBUS, SIG_DFL);  // the kernel repeats the access, which ends the process
}

}  // namespace

void MappedFile::install_handler() {
    struct sigaction action {};
    action.sa_sigaction = vserd_take_bus_error;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(SIGBUS, &action, nullptr);
}

/// MAP_SHARED in both cases, so that pages use no memory until they are written.
Result<MappedFile> MappedFile::map(int file, std::size_t bytes) {
    const int flags = MAP_SHARED | MAP_NORESERVE | (file < 0 ? MAP_ANONYMOUS : 0);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) return errno_error("cannot be mapped");
    return MappedFile(static_cast<std::byte*>(memory), bytes);
}

MappedFile::MappedFile(std::byte* data, std::size_t bytes) noexcept
    : data_(data), bytes_(bytes), place_(guard(reinterpret_cast<std::uintptr_t>(data), bytes)) {}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(other.bytes_),
      place_(std::exchange(other.place_, guarded_max)) {}

MappedFile::~MappedFile() {
    if (place_ < guarded_max) {
        table[place_].end.store(0);
        table[place_].begin.store(0);
    }
    if (data_ != nullptr) ::munmap(data_, bytes_);
}

std::uint32_t MappedFile::cuts() const noexcept {
    return place_ < guarded_max ? table[place_].cuts.load(std::memory_order_relaxed) : 0;
}

}  // namespace vserd::log
