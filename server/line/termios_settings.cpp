#include "line/termios_settings.hpp"

#include <asm/termbits.h>

#include <algorithm>
#include <array>

namespace vserd::line {
namespace {

constexpr std::array<tcflag_t, 4> size_flags = {CS5, CS6, CS7, CS8};

struct Speed {
    std::uint32_t baud;
    tcflag_t flag;
};

constexpr std::array speeds = {
    Speed{50, B50},           Speed{75, B75},           Speed{110, B110},         Speed{134, B134},
    Speed{150, B150},         Speed{200, B200},         Speed{300, B300},         Speed{600, B600},
    Speed{1200, B1200},       Speed{1800, B1800},       Speed{2400, B2400},       Speed{4800, B4800},
    Speed{9600, B9600},       Speed{19200, B19200},     Speed{38400, B38400},     Speed{57600, B57600},
    Speed{115200, B115200},   Speed{230400, B230400},   Speed{460800, B460800},   Speed{500000, B500000},
    Speed{576000, B576000},   Speed{921600, B921600},   Speed{1000000, B1000000}, Speed{1152000, B1152000},
    Speed{1500000, B1500000}, Speed{2000000, B2000000}, Speed{2500000, B2500000}, Speed{3000000, B3000000},
    Speed{3500000, B3500000}, Speed{4000000, B4000000},
};

/// Uses the constant of a standard rate. With BOTHER, `stty` and glibc's tcgetattr show 0 baud on drivers that do not
/// normalise it, and cannot restore the settings.
tcflag_t speed_flag(std::uint32_t baud) noexcept {
    const auto* const known = std::ranges::find(speeds, baud, &Speed::baud);
    return known != speeds.end() ? known->flag : tcflag_t{BOTHER};
}

tcflag_t parity_flags(Parity parity) noexcept {
    switch (parity) {
        case Parity::none: return 0;
        case Parity::odd: return PARENB | PARODD;
        case Parity::even: return PARENB;
        case Parity::mark: return PARENB | PARODD | CMSPAR;
        case Parity::space: return PARENB | CMSPAR;
    }
    return 0;
}

Parity parity_of(tcflag_t control) noexcept {
    if ((control & PARENB) == 0) return Parity::none;
    const bool odd = (control & PARODD) != 0;
    if ((control & CMSPAR) != 0) return odd ? Parity::mark : Parity::space;
    return odd ? Parity::odd : Parity::even;
}

}  // namespace

Result<void> put_settings(const Settings& settings, const LineOptions& options, termios2& raw) {
    const Format& format = settings.format;
    if (format.stop_bits == StopBits::one_and_half && format.data_bits != 5) {
        return Error{Failure::invalid_argument, EINVAL, "format.stop_bits",
                     "a tty has 1.5 stop bits only with 5 data bits; use 1 or 2"};
    }
    // Off on purpose: INPCK and PARMRK, so that a byte with a parity error arrives unchanged and is only counted, and IGNPAR,
    // which would drop it.
    raw.c_iflag = IGNBRK;
    raw.c_oflag = 0;
    raw.c_lflag = 0;
    raw.c_cflag &= ~tcflag_t{CBAUD | CIBAUD | CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | CRTSCTS};
    raw.c_cflag |=
        speed_flag(settings.baud) | CREAD | CLOCAL | size_flags.at(format.data_bits - 5U) | parity_flags(format.parity);
    if (format.stop_bits != StopBits::one) raw.c_cflag |= CSTOPB;
    if (format.flow_control == FlowControl::rts_cts) raw.c_cflag |= CRTSCTS;
    if (format.flow_control == FlowControl::xon_xoff) raw.c_iflag |= IXON | IXOFF;
    raw.c_ispeed = settings.baud;
    raw.c_ospeed = settings.baud;
    raw.c_cc[VMIN] = 1;  // with 0, a non-blocking read without input would return 0, which means hang-up
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSTART] = 0x11;
    raw.c_cc[VSTOP] = 0x13;
    put_options(options, raw);
    return {};
}

void put_options(const LineOptions& options, termios2& raw) noexcept {
    raw.c_cflag = options.hangup_on_close ? raw.c_cflag | HUPCL : raw.c_cflag & ~tcflag_t{HUPCL};
}

Settings settings_of(const termios2& raw) {
    Settings settings;
    settings.baud = raw.c_ospeed;
    switch (raw.c_cflag & CSIZE) {
        case CS5: settings.format.data_bits = 5; break;
        case CS6: settings.format.data_bits = 6; break;
        case CS7: settings.format.data_bits = 7; break;
        default: settings.format.data_bits = 8; break;
    }
    settings.format.parity = parity_of(raw.c_cflag);
    if ((raw.c_cflag & CSTOPB) != 0) {
        settings.format.stop_bits = settings.format.data_bits == 5 ? StopBits::one_and_half : StopBits::two;
    }
    if ((raw.c_cflag & CRTSCTS) != 0) {
        settings.format.flow_control = FlowControl::rts_cts;
    } else if ((raw.c_iflag & (IXON | IXOFF)) != 0) {
        settings.format.flow_control = FlowControl::xon_xoff;
    }
    return settings;
}

}  // namespace vserd::line
