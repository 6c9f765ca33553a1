#include "io/pty.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): the pty calls are POSIX, not in <cstdlib>
#include <termios.h>

#include <array>

namespace vserd::io {

Result<Pty> open_pty() {
    Pty pty;
    pty.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!pty.master) return errno_error("open /dev/ptmx");
    if (::grantpt(pty.master.get()) != 0 || ::unlockpt(pty.master.get()) != 0) return errno_error("unlock a pty");
    std::array<char, 64> path{};
    if (const int error = ::ptsname_r(pty.master.get(), path.data(), path.size()); error != 0) {
        return errno_error("name a pty", error);
    }
    pty.path = path.data();
    pty.slave.reset(::open(pty.path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!pty.slave) return errno_error(fmt::format("open {}", pty.path));

    termios raw{};
    if (::tcgetattr(pty.slave.get(), &raw) != 0) return errno_error(fmt::format("tcgetattr {}", pty.path));
    ::cfmakeraw(&raw);
    if (::tcsetattr(pty.slave.get(), TCSANOW, &raw) != 0) return errno_error(fmt::format("tcsetattr {}", pty.path));
    return pty;
}

}  // namespace vserd::io
