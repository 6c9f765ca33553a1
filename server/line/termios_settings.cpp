#include "line/termios_settings.hpp"

#include <asm/termbits.h>

#include <array>

namespace vserd::line {
namespace {

constexpr std::array<tcflag_t, 4> size_flags = {CS5, CS6, CS7, CS8};

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

Result<void> put_settings(const Settings& settings, termios2& raw) {
    const Format& format = settings.format;
    if (format.stop_bits == StopBits::one_and_half && format.data_bits != 5) {
        return Error{Failure::invalid_argument, EINVAL, "format.stop_bits",
                     "a tty has 1.5 stop bits only with 5 data bits; use 1 or 2"};
    }
    // Not set on purpose: INPCK and PARMRK, so that a byte with a bad parity bit arrives as it is and only counts as an
    // error, and IGNPAR, which would drop it.
    raw.c_iflag = IGNBRK;
    raw.c_oflag = 0;
    raw.c_lflag = 0;
    raw.c_cflag &= ~tcflag_t{CBAUD | CIBAUD | CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | CRTSCTS | HUPCL};
    raw.c_cflag |= BOTHER | CREAD | CLOCAL | size_flags.at(format.data_bits - 5U) | parity_flags(format.parity);
    if (format.stop_bits != StopBits::one) raw.c_cflag |= CSTOPB;
    if (format.flow_control == FlowControl::rts_cts) raw.c_cflag |= CRTSCTS;
    if (format.flow_control == FlowControl::xon_xoff) raw.c_iflag |= IXON | IXOFF;
    raw.c_ispeed = settings.baud;
    raw.c_ospeed = settings.baud;
    raw.c_cc[VMIN] = 1;  // with 0, a non-blocking read of nothing would give 0, which means hang-up
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSTART] = 0x11;
    raw.c_cc[VSTOP] = 0x13;
    return {};
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
