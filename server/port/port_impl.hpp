#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "port/device_watch.hpp"
#include "port/port.hpp"
#include "port/tx_queue.hpp"
#include "port/worker_pool.hpp"

namespace vserd::port {

/// The port's state machine (port_device.cpp: open, receive, lose, reopen; port_transmit.cpp: send and change the
/// line). Shared only so that timers and worker jobs can hold it weakly.
class Port::Impl : public std::enable_shared_from_this<Port::Impl> {
public:
    Impl(PortEnvironment environment, PortConfig config, Listener& listener);

    void start(PortResume resume);
    void stop(std::function<void()> done);
    void reconfigure(const PortConfig& wanted, Reply<line::Settings> reply);

    std::size_t transmit(std::span<const std::byte> bytes);
    void submit(TxCommand command);
    void set_signals(const line::SignalChange& change, Reply<line::Signals> reply);
    void read_signals(Reply<line::Signals> reply);
    void flush(line::FlushDirection direction, Reply<std::uint64_t> reply);
    std::string_view engine() const noexcept;

    PortConfig config;                       ///< name and device stay
    const std::shared_ptr<PortStats> stats;  // with the scrape thread
    PortState state = PortState::offline;
    std::string offline_reason;
    line::Settings settings;  ///< in force; while offline, to be applied
    std::optional<line::Signals> signals;
    std::optional<line::Capabilities> capabilities;
    line::Kind kind;
    std::uint64_t tx_offset = 0;
    TxQueue queue;

private:
    enum class Phase : std::uint8_t { closed, opening, online, closing };
    using Timer = boost::asio::steady_timer;
    using Line = std::shared_ptr<line::Line>;  // with the worker job that is using it

    struct OpenedLine {
        Line line;
        line::Settings settings;
        line::LineStatus status;
        line::Settings asked;  ///< for `settings`
        bool taken_over = false;
    };
    /// A call on the line, made on the worker pool, one at a time.
    struct LineCall {
        std::function<void(line::Line&)> work;      ///< on a worker; owns what it uses
        std::function<void()> done;                 ///< on the io thread
        std::function<void(const Error&)> abandon;  ///< instead of done
    };

    void after(Timer& timer, std::chrono::steady_clock::duration delay, void (Impl::*call)());

    // port_device.cpp
    static Result<OpenedLine> open_device(const std::string& device, io::Fd held, const line::Settings& settings);
    void try_open();
    void opened(Result<OpenedLine> result);
    void open_failed(const Error& error);
    void note_open_failure(const Error& error);
    void open_takes_long();
    void go_online(OpenedLine opened);
    void go_offline(std::string reason);
    void retry_later();
    void node_changed();
    void begin_close();
    void continue_close();
    void closed();
    void finish_stop();
    void start_read();
    void on_read(ssize_t result);
    void poll_status();
    void take_status(const Result<line::LineStatus>& status);
    void told_status();
    void schedule_status();

    // port_transmit.cpp
    template <class T>
    void call_line(std::function<Result<T>(line::Line&)> work, std::function<void(Result<T>)> reply);
    void start_call();
    void call_done();
    void call_takes_long();
    void abandon_calls(const Error& error);
    void pump();
    void on_written(ssize_t result);
    void announce_room();
    void check_deadlines();
    void begin_command();
    void wait_for_wire(Result<std::uint64_t> pending);
    void apply_settings(const line::SettingsChange& change);
    void apply_configured();
    void start_break();
    void end_break();
    void finish_command(Result<line::Settings> result);
    Result<void> require_online() const;
    Result<void> check_supported(const TxCommand& command) const;

    PortEnvironment environment_;
    Listener& listener_;
    Phase phase_ = Phase::closed;
    bool stopping_ = false;
    std::function<void()> stop_done_;
    DeviceWatch::Registration watch_;
    io::Fd held_;  ///< the device as a process before this one had it, until the first open
    std::optional<line::Settings> resumed_in_force_;
    std::optional<line::LineStatus> resumed_status_;
    bool was_online_ = false;
    std::chrono::steady_clock::time_point online_since_;
    bool node_changed_while_busy_ = false;
    std::string open_failure_;  ///< the last one announced
    std::chrono::milliseconds backoff_;
    line::Settings wanted_;  ///< as last asked for; applied at the next open
    Reply<line::Settings> reconfigured_;

    Line line_;
    std::optional<io::Attachment> attached_;
    io::Operation rx_;
    io::Operation tx_;
    bool rx_active_ = false;
    bool tx_active_ = false;
    std::shared_ptr<std::uint64_t> discarded_in_flight_;  ///< a flush drops what tx_ leaves, and counts it here
    unsigned output_flushes_ = 0;                         ///< under way; nothing is written meanwhile
    bool was_full_ = false;
    line::LineErrors errors_seen_;

    std::deque<LineCall> calls_;
    std::optional<LineCall> running_;  ///< answered early when it takes too long
    bool call_running_ = false;
    bool close_running_ = false;
    bool command_begun_ = false;
    std::uint64_t device_pending_ = 0;  ///< bytes in the device when a command last asked whether the wire is free

    Timer reopen_timer_;
    Timer open_timer_;
    Timer status_timer_;
    Timer call_timer_;
    Timer command_timer_;
    Timer wire_timer_;
    Timer stop_timer_;
};

}  // namespace vserd::port
