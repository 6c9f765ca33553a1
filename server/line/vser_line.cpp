#include "line/vser_line.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>

#include "line/device_node.hpp"
#include "vser_uapi.h"

namespace vserd::line {
namespace {

// Both sides number parity and stop bits in the same way, so a cast converts them.
static_assert(static_cast<int>(Parity::none) == VS_PARITY_NONE && static_cast<int>(Parity::odd) == VS_PARITY_ODD &&
              static_cast<int>(Parity::even) == VS_PARITY_EVEN && static_cast<int>(Parity::mark) == VS_PARITY_MARK &&
              static_cast<int>(Parity::space) == VS_PARITY_SPACE);
static_assert(static_cast<int>(StopBits::one) == VS_STOP_BITS_1 &&
              static_cast<int>(StopBits::one_and_half) == VS_STOP_BITS_1_5 &&
              static_cast<int>(StopBits::two) == VS_STOP_BITS_2);

Result<void> check_baud(std::uint32_t baud) {
    if (baud >= VS_BAUD_MIN && baud <= VS_BAUD_MAX) return {};
    return Error{Failure::invalid_argument, EINVAL, "baud",
                 fmt::format("vser supports {} to {} baud, not {}", VS_BAUD_MIN, VS_BAUD_MAX, baud)};
}

}  // namespace

Result<std::unique_ptr<Line>> VserLine::open(const std::string& path, const ValidSettings& settings) {
    auto fd = open_device_node(path);
    if (!fd) return fd.error();
    return adopt(path, *std::move(fd), settings);
}

Result<std::unique_ptr<Line>> VserLine::adopt(const std::string& path, base::Fd fd, const ValidSettings& settings) {
    std::unique_ptr<VserLine> line(new VserLine(path, std::move(fd)));
    if (const auto known = line->check_version(); !known) return known.error();
    const auto in_force = line->read_back();
    if (!in_force) return in_force.error();
    if (*in_force != settings) {
        if (const auto applied = line->apply(settings); !applied) return applied.error();
    }
    return std::unique_ptr<Line>(std::move(line));
}

Result<void> VserLine::check_version() const {
    __u32 version = 0;
    if (::ioctl(fd_.get(), VS_GET_VERSION, &version) != 0) {
        if (errno == ENOTTY) return not_a_serial_device(path_, "not a vser port (it rejects VS_GET_VERSION)");
        return errno_error(fmt::format("{}: VS_GET_VERSION", path_));
    }
    if (version >> 16U != VS_ABI_VERSION >> 16U) {
        return Error{
            Failure::io, EPROTO, "device",
            fmt::format("{}: the loaded vser driver has interface version {}, and this server needs {}; install "
                        "matching packages",
                        path_, version >> 16U, VS_ABI_VERSION >> 16U)};
    }
    return {};
}

Capabilities VserLine::capabilities() const noexcept {
    return Capabilities{.baud = true,
                        .format = true,
                        .flow_control = false,
                        .modem_signals = true,
                        .send_break = true,
                        .flush = true,
                        .error_counters = true};
}

Result<Settings> VserLine::apply(const ValidSettings& valid) {
    const Settings& wanted = valid;
    if (const auto in_range = check_baud(wanted.baud); !in_range) return in_range.error();
    if (wanted.format.flow_control != FlowControl::none) {
        return Error{Failure::unsupported, ENOTTY, "flow_control",
                     fmt::format("{} does not support flow control; use none", path_)};
    }
    vs_ffmt format{};
    format.data_bits = wanted.format.data_bits;
    format.parity = static_cast<__u8>(wanted.format.parity);
    format.stop_bits = static_cast<__u8>(wanted.format.stop_bits);
    if (::ioctl(fd_.get(), VS_SET_FFMT, &format) != 0) return errno_error(fmt::format("{}: VS_SET_FFMT", path_));
    __u32 baud = wanted.baud;
    if (::ioctl(fd_.get(), VS_SET_BAUD, &baud) != 0) return errno_error(fmt::format("{}: VS_SET_BAUD", path_));
    return read_back();
}

Result<Settings> VserLine::read_back() {
    __u32 baud = 0;
    vs_ffmt format{};
    if (::ioctl(fd_.get(), VS_GET_BAUD, &baud) != 0) return errno_error(fmt::format("{}: VS_GET_BAUD", path_));
    if (::ioctl(fd_.get(), VS_GET_FFMT, &format) != 0) return errno_error(fmt::format("{}: VS_GET_FFMT", path_));
    return Settings{baud, Format{format.data_bits, static_cast<Parity>(format.parity),
                                 static_cast<StopBits>(format.stop_bits), FlowControl::none}};
}

Result<Signals> VserLine::signals() const {
    __u32 lines = 0;
    if (::ioctl(fd_.get(), VS_GET_SIGNALS, &lines) != 0) return errno_error(fmt::format("{}: VS_GET_SIGNALS", path_));
    const auto on = [lines](__u32 line) { return (lines & line) != 0; };
    return Signals{on(VS_SIGNAL_DTR), on(VS_SIGNAL_RTS), on(VS_SIGNAL_CTS),
                   on(VS_SIGNAL_DSR), on(VS_SIGNAL_DCD), on(VS_SIGNAL_RI)};
}

Result<LineErrors> VserLine::errors_since_bind() const {
    vs_stats stats{};
    if (::ioctl(fd_.get(), VS_GET_STATS, &stats) != 0) return errno_error(fmt::format("{}: VS_GET_STATS", path_));
    return LineErrors{stats.frame_errors, stats.parity_errors, stats.overrun_errors, stats.break_errors};
}

Result<LineStatus> VserLine::status() {
    const auto found = signals();
    if (!found) return found.error();
    const auto errors = errors_since_bind();
    if (!errors) return errors.error();
    return LineStatus{*found, *errors};
}

Result<Signals> VserLine::set_signals(const SignalChange& change) {
    vs_signals_set wanted{};
    const auto put = [&wanted](std::optional<bool> on, __u32 line) {
        if (!on) return;
        wanted.mask |= line;
        if (*on) wanted.value |= line;
    };
    put(change.dtr, VS_SIGNAL_DTR);
    put(change.rts, VS_SIGNAL_RTS);
    if (::ioctl(fd_.get(), VS_SET_SIGNALS, &wanted) != 0) return errno_error(fmt::format("{}: VS_SET_SIGNALS", path_));
    return signals();
}

Result<void> VserLine::begin_break(std::chrono::milliseconds duration) {
    auto length_ms = static_cast<__u32>(duration.count());
    if (::ioctl(fd_.get(), VS_SEND_BREAK, &length_ms) != 0) return errno_error(fmt::format("{}: VS_SEND_BREAK", path_));
    return {};
}

Result<void> VserLine::end_break() {
    return {};  // the driver ends the break
}

Result<void> VserLine::flush(FlushDirection direction) {
    __u32 queues = VS_FLUSH_BOTH;
    if (direction == FlushDirection::input) queues = VS_FLUSH_INPUT;
    if (direction == FlushDirection::output) queues = VS_FLUSH_OUTPUT;
    if (::ioctl(fd_.get(), VS_FLUSH, &queues) != 0) return errno_error(fmt::format("{}: VS_FLUSH", path_));
    return {};
}

Result<std::uint64_t> VserLine::output_pending_bytes() {
    vs_queued queued{};
    if (::ioctl(fd_.get(), VS_GET_QUEUED, &queued) != 0) return errno_error(fmt::format("{}: VS_GET_QUEUED", path_));
    return std::uint64_t{queued.output};
}

}  // namespace vserd::line
