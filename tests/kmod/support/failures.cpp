#include "support/failures.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace vserd::kmodtest {

FailNth::FailNth() : file_(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC)) {
    if (file_.get() < 0) throw std::runtime_error("the kernel has no fail-nth");
}

void FailNth::arm(unsigned n) {
    const auto text = std::to_string(n);
    if (::pwrite(file_.get(), text.data(), text.size(), 0) < 0) throw std::runtime_error("fail-nth");
}

// Reading the count copies memory too, so that may be what fails.
unsigned FailNth::remaining() {
    char text[16] = {};
    return ::pread(file_.get(), text, sizeof text - 1, 0) > 0 ? static_cast<unsigned>(std::atol(text)) : 1;
}

bool FailNth::disarm() {
    const bool used = remaining() == 0;
    // So may this, which then has disarmed it.
    if (!used) [[maybe_unused]]
        const auto ignored = ::pwrite(file_.get(), "0", 1, 0);
    return used;
}

}  // namespace vserd::kmodtest
