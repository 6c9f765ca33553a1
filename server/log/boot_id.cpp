#include "log/boot_id.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/fd.hpp"
#include "log/log_layout.hpp"

namespace vserd::log {
namespace {

std::uint64_t number_of_this_process() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) < 0) number = static_cast<std::uint64_t>(::getpid()) << 1U;
    return number | 1U;
}

}  // namespace

std::string boot_id() {
    std::string id;
    if (const char* given = std::getenv("VSERD_BOOT_ID")) {
        id = given;
    } else if (const base::Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)); file) {
        std::array<char, 64> bytes{};
        const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
        id.assign(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    std::erase_if(id, [](char c) { return c == '-' || c == '\n'; });
    return id;
}

std::uint64_t boot_number() {
    static const std::uint64_t unknown = number_of_this_process();
    const std::string id = boot_id();
    return id.empty() ? unknown : hash_of(id.data(), id.size(), 0) | 1U;
}

}  // namespace vserd::log
