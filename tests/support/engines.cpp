#include "support/engines.hpp"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vserd::test {

bool system_grants(std::string_view engine) {
#if defined(__SANITIZE_THREAD__)
    if (engine == "aio") return false;  // ThreadSanitizer crashes on the threads that the C library makes for it
#endif
    if (!engine.starts_with("io_uring")) return true;
    io_uring_params parameters{};
    const long ring = ::syscall(SYS_io_uring_setup, 2, &parameters);
    if (ring < 0) return false;  // seccomp, or kernel.io_uring_disabled
    ::close(static_cast<int>(ring));
    return true;
}

}  // namespace vserd::test
