#include "vserctl/pty.hpp"

#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace vserctl {
namespace {

constexpr mode_t slave_mode = 0600;  // the usual 0620 would let `wall` write to the device

// Standard rates have constants. With BOTHER, `stty` and glibc's tcgetattr would show 0 baud.
constexpr std::array<std::pair<unsigned, tcflag_t>, 30> speeds{{
    {50, B50},           {75, B75},           {110, B110},         {134, B134},         {150, B150},
    {200, B200},         {300, B300},         {600, B600},         {1200, B1200},       {1800, B1800},
    {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},     {38400, B38400},
    {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
    {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
}};

tcflag_t speed_flag(unsigned baud) noexcept {
    for (const auto& [rate, flag] : speeds) {
        if (rate == baud) return flag;
    }
    return BOTHER;
}

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), std::string("pseudo terminal: ") + what);
}

int open_master(std::string& path) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0) fail("/dev/ptmx");
    std::array<char, 64> name{};
    if (::grantpt(master) < 0 || ::unlockpt(master) < 0 || ::ptsname_r(master, name.data(), name.size()) != 0) {
        ::close(master);
        fail("unlock");
    }
    path = name.data();
    return master;
}

void put(termios2& raw, const TtySettings& settings) noexcept {
    raw.c_cflag &= ~tcflag_t{CBAUD | CIBAUD | CRTSCTS};
    raw.c_cflag |= speed_flag(settings.baud);
    if (settings.rts_cts) raw.c_cflag |= CRTSCTS;
    raw.c_ispeed = raw.c_ospeed = settings.baud;
}

}  // namespace

Pty::Pty(TtySettings settings) : master_(open_master(path_)) {
    slave_ = ::open(path_.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    constexpr int on = 1;
    termios2 raw{};
    const bool ready = slave_ >= 0 && ::fchmod(slave_, slave_mode) == 0 && ::ioctl(slave_, TCGETS2, &raw) == 0 &&
                       ::ioctl(master_, TIOCPKT, &on) == 0;
    raw.c_iflag = raw.c_oflag = 0;
    raw.c_lflag = EXTPROC;
    raw.c_cflag = CS8 | CREAD | CLOCAL | HUPCL;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    put(raw, settings);
    if (!ready || ::ioctl(slave_, TCSETS2, &raw) < 0) {
        const int error = errno;
        ::close(slave_);
        ::close(master_);
        errno = error;
        fail(path_.c_str());
    }
}

Pty::~Pty() {
    ::close(slave_);
    ::close(master_);
}

std::optional<Pty::Packet> Pty::read() {
    const auto count = ::read(master_, buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (count <= 0) fail("read");
    const auto type = static_cast<unsigned char>(buffer_[0]);
    Packet packet;
    if (type == TIOCPKT_DATA) packet.bytes = {buffer_.data() + 1, static_cast<std::size_t>(count - 1)};
    packet.settings_changed = (type & TIOCPKT_IOCTL) != 0;
    packet.input_flushed = (type & TIOCPKT_FLUSHREAD) != 0 && !std::exchange(own_flush_, false);
    packet.output_flushed = (type & TIOCPKT_FLUSHWRITE) != 0;
    return packet;
}

bool Pty::has_status() const noexcept {
    pollfd master{.fd = master_, .events = POLLPRI, .revents = 0};
    return ::poll(&master, 1, 0) == 1;
}

std::size_t Pty::write(std::string_view bytes) {
    const auto count = ::write(master_, bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count < 0) fail("write");
    return static_cast<std::size_t>(count);
}

Pty::State Pty::state() const {
    termios2 raw{};
    if (::ioctl(slave_, TCGETS2, &raw) < 0) fail("settings");
    return {.settings = {.baud = raw.c_ospeed, .rts_cts = (raw.c_cflag & CRTSCTS) != 0},
            .reports_changes = (raw.c_lflag & EXTPROC) != 0};
}

void Pty::set(TtySettings settings) {
    termios2 raw{};
    if (::ioctl(slave_, TCGETS2, &raw) < 0) fail("settings");
    raw.c_lflag |= EXTPROC;
    put(raw, settings);
    if (::ioctl(slave_, TCSETS2, &raw) < 0) fail("settings");
}

void Pty::report_changes() {
    termios2 raw{};
    if (::ioctl(slave_, TCGETS2, &raw) < 0) fail("settings");
    raw.c_lflag |= EXTPROC;
    if (::ioctl(slave_, TCSETS2, &raw) < 0) fail("settings");
}

void Pty::end_exclusive() noexcept { ::ioctl(slave_, TIOCNXCL); }

void Pty::discard_unread() noexcept { own_flush_ = ::ioctl(slave_, TCFLSH, TCIFLUSH) == 0; }

}  // namespace vserctl
