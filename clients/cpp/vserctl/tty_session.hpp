#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vser_client/client.hpp"
#include "vserctl/attach_signals.hpp"
#include "vserctl/open_watch.hpp"
#include "vserctl/options.hpp"
#include "vserctl/owner.hpp"
#include "vserctl/pty.hpp"
#include "vserctl/tty_settings.hpp"

namespace vserctl {

/// `vserctl tty` after the console is open: one loop over the console and the pseudo terminal. It reads each of them only when
/// the other has room, so what it holds is bounded. While no program has the terminal open, it discards what the port
/// receives, as a serial port does, unless --keep is set.
class TtySession {
public:
    static vser::client::ConsoleOptions console_options(const TtyCommand& command, const Options& options);

    /// Throws std::system_error. `command` and `options` outlive it.
    TtySession(Owner owner, vser::client::Console console, const TtyCommand& command, const Options& options);

    const std::string& device() const noexcept { return pty_.path(); }
    struct End {
        int status = 0;
        std::optional<int> signal;  ///< raise it again
    };
    End run();

private:
    using Clock = std::chrono::steady_clock;

    void wait();
    int poll_timeout_ms() const;
    void on_signal(int number);
    void update_open();

    // From the pty to the port.
    bool may_read() const { return written_.empty() && !skip_asked_; }
    void read_pty();
    void read_status();
    void take_packet(const Pty::Packet& packet);
    void send_written();
    void send_change();
    void on_output_flushed();
    void check_settings();
    void on_time();

    // From the port to the pty.
    void deliver();
    void write_received();
    void take(const vser::client::ConsoleItem& item);
    void take_bytes(const vser::client::Data& data);
    void take_event(const vser::client::Event& event);
    void on_input_flushed();
    void ask_about_port();
    void on_port();
    void put_into_pty(const std::optional<TtySettings>& settings);
    void on_console_end();
    bool reopen();

    End leave();
    std::size_t discard_written();
    void say(const std::string& text) const;
    void say_item(const vser::client::ConsoleItem& item) const;

    const TtyCommand& command_;
    const Options& options_;
    AttachSignals signals_;
    Owner owner_;
    vser::client::Console console_;
    TtyMirror mirror_;
    Pty pty_;
    OpenWatch watch_;

    std::string written_;   // read from the pty; the console has not accepted it
    std::string received_;  // read from the console; the pty has not accepted it
    std::size_t received_at_ = 0;
    TtyChange change_;            // to send after written_
    bool wrote_ = false;          // the programs wrote something since they opened the pty
    std::uint64_t skip_to_ = 0;   // a program discarded its input up to this offset
    bool skip_asked_ = false;     // question_ will say where the input ends
    bool compare_asked_ = false;  // question_ will say what the settings are
    std::optional<vser::client::PendingCall<vser::client::Port>> question_;
    std::optional<Clock::time_point> report_changes_at_;
    std::optional<Clock::time_point> deliver_at_;  // the pty was full and has room again
    bool connected_ = true;                        // as far as the items show
    bool done_ = false;
    std::optional<int> signal_;
};

}  // namespace vserctl
