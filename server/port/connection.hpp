#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "io/read_rest.hpp"
#include "line/node_identity.hpp"
#include "port/device_watch.hpp"
#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/line_watch.hpp"
#include "port/opening.hpp"
#include "port/port_status.hpp"
#include "port/transmitter.hpp"

namespace vserd::port {

/// Opens the device, receives its bytes, detects a disconnect, and reopens the device when it returns. Io thread only.
class Connection {
public:
    /// All references outlive this. Calls `outdated` if the wanted settings changed while the device was being opened.
    Connection(PortEnvironment environment, PortStatus& port, LineCalls& calls, Transmitter& transmitter,
               LineWatch& watch, const Life& life, std::function<void()> outdated);

    void start(PortResume resume);
    /// Closes the device, then calls `done`; after stop_limit in any case.
    void stop(std::function<void()> done);
    /// `reopen_pts` may have changed.
    void options_changed();
    std::string_view engine() const noexcept;
    bool terminal_closed() const noexcept { return terminal_refused_; }

    /// Reports the device as disconnected, closes it, and tries to open it again.
    void lose(std::string reason);
    void continue_close();

    /// As Port::yield() and Port::take_back().
    void yield(std::string reason, std::function<void(Result<void>)> reply);
    void take_back();

private:
    /// yielded: closed, and not reopened until take_back().
    enum class State : std::uint8_t { closed, opening, online, closing, yielded };
    struct Yield {
        std::string reason;
        std::function<void(Result<void>)> reply;  ///< null: was called
    };

    static constexpr std::chrono::milliseconds backoff_min{20};  ///< between two attempts to open the device
    static constexpr std::chrono::milliseconds backoff_max{1000};

    LineCalls::Hooks line_hooks();
    // connection_open.cpp
    void try_open();
    void opened(Result<OpenedLine> result);
    void open_failed(const Error& error);
    void note_open_failure(const Error& error);
    void retry_later();
    void report_stuck(const std::string& reason);
    void node_changed();
    void check_node();
    void set_terminal_refused(bool refused);

    // connection_yield.cpp
    void call_hangs(const std::string& reason);
    void finish_yield(Result<void> result);

    // connection.cpp
    void go_online(OpenedLine opened);
    void show_online(OpenedLine& opened);
    void begin_close();
    void closed();
    void finish_stop();
    void start_read();
    void on_read(ssize_t result);
    void received(std::size_t size);
    void read_again(std::size_t size_before);
    bool may_rest() const;
    void end_rest();
    void read_rested();
    void written();
    void hung_up();

    PortEnvironment environment_;
    PortStatus& port_;
    LineCalls& calls_;
    Transmitter& transmitter_;
    LineWatch& watch_;
    const Life& life_;
    std::function<void()> outdated_;
    State state_ = State::closed;
    std::function<void()> stop_done_;
    std::optional<Yield> yield_;  ///< requested or in force
    std::string stuck_;           ///< why the device cannot be closed now: a call to its driver hangs; empty: none does
    DeviceWatch::Registration node_watch_;
    PortResume resume_;                                                  ///< not yet used by an open
    std::optional<std::chrono::steady_clock::time_point> online_since_;  ///< last time; empty: never online
    std::optional<line::Terminal> terminal_;                             ///< the open pseudo terminal
    std::optional<line::Terminal> closed_terminal_;                      ///< the last one that was closed
    bool terminal_refused_ = false;                                      ///< another terminal has its number now
    bool checking_node_ = false;                                         ///< check_node() is in progress
    std::string open_failure_;                                           ///< the last one reported
    std::chrono::milliseconds backoff_ = backoff_min;
    std::optional<io::Attachment> attached_;
    io::Operation read_;
    bool reading_ = false;  ///< the engine has the read
    io::ReadRest::Port rest_;
    Timer reopen_timer_;
    Timer stop_timer_;
};

}  // namespace vserd::port
