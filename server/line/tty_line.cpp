#include "line/tty_line.hpp"

#include <asm/termbits.h>
#include <fmt/core.h>
#include <linux/serial.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "base/holder.hpp"
#include "line/device_node.hpp"
#include "line/termios_settings.hpp"

namespace vserd::line {
namespace {

Error unsupported(const std::string& path, std::string capability, std::string_view what) {
    return Error{Failure::unsupported, ENOTTY, std::move(capability), fmt::format("{} {}", path, what)};
}

/// A pseudo terminal accepts a break and any speed, without effect. Its major numbers are fixed (devices.txt).
bool is_pseudo_terminal(dev_t device) noexcept {
    constexpr unsigned unix98_first = 136, unix98_last = 143, legacy = 3;
    const unsigned number = major(device);
    return (number >= unix98_first && number <= unix98_last) || number == legacy;
}

/// UARTs with registers (ttyS: major 4 from minor 64 on) and pseudo terminals. A driver for USB may ask its device, which
/// takes a millisecond, or seconds if the device hangs.
bool has_registers_or_memory(dev_t device) noexcept {
    constexpr unsigned tty_major = 4, first_uart = 64;
    return is_pseudo_terminal(device) || (major(device) == tty_major && minor(device) >= first_uart);
}

dev_t device_number(int fd) noexcept {
    struct stat node {};
    return ::fstat(fd, &node) == 0 ? node.st_rdev : dev_t{};
}

}  // namespace

Result<std::unique_ptr<Line>> TtyLine::open(const std::string& path, const ValidSettings& settings,
                                            const LineOptions& options) {
    auto fd = open_device_node(path);
    if (!fd) return fd.error();
    termios2 raw{};
    if (::ioctl(fd->get(), TCGETS2, &raw) != 0) {
        const int error = errno;
        if (error == ENOTTY || error == EINVAL)
            return not_a_serial_device(path, "a character device without line settings");
        if (error == EIO) return errno_error(fmt::format("{}: the hardware does not respond", path), error);
        return errno_error(path, error);
    }
    std::unique_ptr<TtyLine> line(new TtyLine(path, *std::move(fd), options));
    if (const auto taken = line->take_exclusively(); !taken) return taken.error();
    line->probe_capabilities();
    if (const auto applied = line->apply(settings); !applied) return applied.error();
    return std::unique_ptr<Line>(std::move(line));
}

Result<std::unique_ptr<Line>> TtyLine::adopt(const std::string& path, base::Fd fd, const ValidSettings& settings,
                                             const LineOptions& options) {
    std::unique_ptr<TtyLine> line(new TtyLine(path, std::move(fd), options));
    if (const auto marked = line->mark_exclusive(); !marked) return marked.error();
    line->probe_capabilities();
    // End a break of the previous process. The device was not closed, which would have ended it.
    if (line->capabilities_.send_break) ::ioctl(line->fd_.get(), TIOCCBRK);
    if (const auto applied = line->apply_if_other(settings); !applied) return applied.error();
    return std::unique_ptr<Line>(std::move(line));
}

TtyLine::~TtyLine() {
    // Another process, or the fd store, may still have the device open. Then TIOCEXCL would make the next open fail.
    if (fd_) ::ioctl(fd_.get(), TIOCNXCL);
}

Result<void> TtyLine::take_exclusively() {
    // Root can open an exclusive tty, so check the flag. On a pseudo terminal it survives a killed process, so it counts only
    // if another process has the device open.
    int exclusive = 0;
    const dev_t device = device_number(fd_.get());
    if (::ioctl(fd_.get(), TIOCGEXCL, &exclusive) == 0 && exclusive != 0 &&
        !base::device_holder(device, fd_.get()).empty()) {
        auto error = busy_error(path_, device, fd_.get());
        fd_.reset();  // without clearing the other process's TIOCEXCL
        return error;
    }
    return mark_exclusive();
}

/// Not for a pseudo terminal, which would stay exclusive as long as its master is open: after a kill only root could open it.
/// flock is enough there.
Result<void> TtyLine::mark_exclusive() {
    if (is_pseudo_terminal(device_number(fd_.get()))) return {};
    if (::ioctl(fd_.get(), TIOCEXCL) != 0) return errno_error(fmt::format("{}: exclusive use", path_));
    return {};
}

void TtyLine::probe_capabilities() {
    int lines = 0;
    serial_icounter_struct counters{};
    capabilities_.baud = true;
    capabilities_.format = true;
    capabilities_.flow_control = true;
    capabilities_.flush = true;
    const dev_t device = device_number(fd_.get());
    capabilities_.send_break = !is_pseudo_terminal(device);
    answers_at_once_ = has_registers_or_memory(device);
    capabilities_.modem_signals = ::ioctl(fd_.get(), TIOCMGET, &lines) == 0;
    capabilities_.error_counters = ::ioctl(fd_.get(), TIOCGICOUNT, &counters) == 0;
}

Result<Settings> TtyLine::apply(const ValidSettings& wanted) {
    // Waits for the characters in the UART's FIFO, which output_pending_bytes() does not include.
    return apply_by(TCSETSW2, wanted);
}

Result<Settings> TtyLine::apply_at_once(const ValidSettings& wanted) { return apply_by(TCSETS2, wanted); }

Result<Settings> TtyLine::apply_by(unsigned long request, const ValidSettings& wanted) {
    termios2 raw{};
    if (::ioctl(fd_.get(), TCGETS2, &raw) != 0) return errno_error(fmt::format("{}: reading the settings", path_));
    if (const auto put = put_settings(wanted, options_, raw); !put) return put.error();
    if (::ioctl(fd_.get(), request, &raw) != 0) return errno_error(fmt::format("{}: changing the settings", path_));
    ours_ = wanted;
    return read_back();  // drivers round the speed and may ignore parts of the format
}

/// Does nothing if the settings are in force already, because applying them would wait for the output.
Result<void> TtyLine::apply_if_other(const ValidSettings& wanted) {
    termios2 now{};
    if (::ioctl(fd_.get(), TCGETS2, &now) != 0) return errno_error(fmt::format("{}: reading the settings", path_));
    termios2 raw = now;
    if (const auto put = put_settings(wanted, options_, raw); !put) return put.error();
    ours_ = wanted;
    if (std::memcmp(&now, &raw, sizeof now) == 0) return {};
    const auto applied = apply(wanted);
    return applied ? Result<void>{} : applied.error();
}

Result<Settings> TtyLine::read_back() {
    termios2 raw{};
    if (::ioctl(fd_.get(), TCGETS2, &raw) != 0) return errno_error(fmt::format("{}: reading the settings", path_));
    const auto* bytes = reinterpret_cast<const std::byte*>(&raw);
    seen_.assign(bytes, bytes + sizeof raw);
    return settings_of(raw);
}

bool TtyLine::settings_changed() {
    termios2 now{};
    if (::ioctl(fd_.get(), TCGETS2, &now) != 0) return true;  // check_settings() says why
    return seen_.size() != sizeof now || std::memcmp(seen_.data(), &now, sizeof now) != 0;
}

Result<std::optional<OutsideChange>> TtyLine::check_settings(bool restore) {
    if (!settings_changed()) return std::optional<OutsideChange>{};
    termios2 now{};
    if (::ioctl(fd_.get(), TCGETS2, &now) != 0) return errno_error(fmt::format("{}: reading the settings", path_));
    OutsideChange change{settings_of(now), {}};
    termios2 raw = now;
    const bool keep = !restore && change.found.baud > 0;  // speed 0 hangs up
    if (!keep || !put_settings(change.found, options_, raw)) {
        if (const auto put = put_settings(ours_, options_, raw); !put) return put.error();
    }
    // Does not wait for output, which the other program may have stopped.
    if (std::memcmp(&raw, &now, sizeof now) != 0 && ::ioctl(fd_.get(), TCSETS2, &raw) != 0) {
        return errno_error(fmt::format("{}: changing the settings", path_));
    }
    const auto in_force = read_back();
    if (!in_force) return in_force.error();
    change.in_force = *in_force;
    return std::optional<OutsideChange>{change};
}

Result<Signals> TtyLine::signals() const {
    int lines = 0;
    if (::ioctl(fd_.get(), TIOCMGET, &lines) != 0)
        return errno_error(fmt::format("{}: reading the modem lines", path_));
    const auto on = [lines](int line) { return (lines & line) != 0; };
    return Signals{on(TIOCM_DTR), on(TIOCM_RTS), on(TIOCM_CTS), on(TIOCM_DSR), on(TIOCM_CAR), on(TIOCM_RNG)};
}

LineErrors TtyLine::errors_since_boot() const {
    serial_icounter_struct counters{};
    if (::ioctl(fd_.get(), TIOCGICOUNT, &counters) != 0) return {};
    const auto count = [](int value) { return static_cast<std::uint64_t>(static_cast<unsigned>(value)); };
    return LineErrors{count(counters.frame), count(counters.parity),
                      count(counters.overrun) + count(counters.buf_overrun), count(counters.brk)};
}

Result<LineStatus> TtyLine::status() {
    LineStatus status;
    if (capabilities_.modem_signals) {
        const auto found = signals();
        if (!found) return found.error();
        status.signals = *found;
    }
    if (capabilities_.error_counters) {
        status.errors = errors_since_boot();
    }
    return status;
}

Result<Signals> TtyLine::set_signals(const SignalChange& change) {
    if (!capabilities_.modem_signals) return unsupported(path_, "modem_signals", "has no modem lines");
    int lines = 0;
    if (::ioctl(fd_.get(), TIOCMGET, &lines) != 0)
        return errno_error(fmt::format("{}: reading the modem lines", path_));
    const auto put = [&lines](std::optional<bool> on, int line) {
        if (on) lines = *on ? lines | line : lines & ~line;
    };
    put(change.dtr, TIOCM_DTR);
    put(change.rts, TIOCM_RTS);
    if (::ioctl(fd_.get(), TIOCMSET, &lines) != 0)
        return errno_error(fmt::format("{}: setting the modem lines", path_));
    return signals();
}

Result<void> TtyLine::begin_break(std::chrono::milliseconds /*duration*/) { return hold_break(true); }

Result<void> TtyLine::end_break() { return hold_break(false); }

Result<void> TtyLine::hold_break(bool on) {
    if (!capabilities_.send_break) return unsupported(path_, "send_break", "is a pseudo terminal, which has no breaks");
    if (::ioctl(fd_.get(), on ? TIOCSBRK : TIOCCBRK) != 0) {
        if (errno == ENOTTY || errno == EINVAL) return unsupported(path_, "send_break", "cannot send a break");
        return errno_error(fmt::format("{}: break", path_));
    }
    return {};
}

Result<void> TtyLine::flush(FlushDirection direction) {
    const int queue = direction == FlushDirection::input    ? TCIFLUSH
                      : direction == FlushDirection::output ? TCOFLUSH
                                                            : TCIOFLUSH;
    if (::ioctl(fd_.get(), TCFLSH, queue) != 0) return errno_error(fmt::format("{}: flush", path_));
    return {};
}

Result<void> TtyLine::set_options(const LineOptions& options) {
    termios2 raw{};
    if (::ioctl(fd_.get(), TCGETS2, &raw) != 0) return errno_error(fmt::format("{}: reading the settings", path_));
    put_options(options, raw);
    if (::ioctl(fd_.get(), TCSETS2, &raw) != 0) return errno_error(fmt::format("{}: changing the settings", path_));
    options_ = options;
    const auto in_force = read_back();
    return in_force ? Result<void>{} : in_force.error();
}

Result<std::uint64_t> TtyLine::output_pending_bytes() {
    int pending_bytes = 0;
    if (::ioctl(fd_.get(), TIOCOUTQ, &pending_bytes) != 0) {
        if (errno == ENOTTY || errno == EINVAL) return std::uint64_t{0};
        return errno_error(fmt::format("{}: bytes not yet sent", path_));
    }
    return static_cast<std::uint64_t>(pending_bytes);
}

}  // namespace vserd::line
