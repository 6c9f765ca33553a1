#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "vserctl/tty_settings.hpp"

namespace vserctl {

/// A pseudo terminal whose slave local programs open as a serial port. The slave starts in raw mode, and only its owner may
/// open it. The master is in packet mode with EXTPROC (tty_ioctl(4), termios(3)), so that it learns of each change of the
/// settings. The kernel forces 8 data bits without parity, discards breaks, and has no modem lines for it.
class Pty {
public:
    /// Throws std::system_error.
    explicit Pty(TtySettings settings);
    ~Pty();
    Pty(const Pty&) = delete;
    Pty& operator=(const Pty&) = delete;

    int fd() const noexcept { return master_; }
    /// The slave: "/dev/pts/7".
    const std::string& path() const noexcept { return path_; }

    /// What the master reads: bytes that a program wrote, or what it did with the settings and the queues.
    struct Packet {
        std::string_view bytes;  ///< valid until the next read()
        bool settings_changed = false;
        bool input_flushed = false;   ///< a program discarded what it had not read
        bool output_flushed = false;  ///< a program discarded what it had written
    };
    /// Nothing if there is none. Throws std::system_error.
    std::optional<Packet> read();
    /// read() has something other than bytes.
    bool has_status() const noexcept;
    /// Returns the number of bytes that fit. Throws std::system_error.
    std::size_t write(std::string_view bytes);

    struct State {
        TtySettings settings;
        bool reports_changes = false;  ///< false: a program cleared EXTPROC
    };
    State state() const;
    void set(TtySettings settings);
    /// Sets EXTPROC again.
    void report_changes();
    /// The last program has closed the slave: ends its exclusive access (TIOCEXCL), which the kernel would keep.
    void end_exclusive() noexcept;
    /// Discards bytes that no program has read.
    void discard_unread() noexcept;

private:
    std::string path_;
    int master_ = -1;
    int slave_ = -1;          // held open: without any slave the master would report a hang-up and nothing else
    bool own_flush_ = false;  // the next packet about discarded input reports discard_unread()
    std::array<char, 4097> buffer_{};  // a packet: its type, then bytes
};

}  // namespace vserctl
