#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "line/node_identity.hpp"
#include "port/device_watch.hpp"
#include "port/foreign_readers.hpp"
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

    void look(std::function<void()> done);
    std::size_t transmit(std::span<const std::byte> bytes);
    void submit(TxCommand command);
    void set_signals(const line::SignalChange& change, Reply<line::Signals> reply);
    void read_signals(Reply<line::Signals> reply);
    void flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client);
    std::string_view engine() const noexcept;
    bool terminal_closed() const noexcept { return terminal_refused_; }

    PortConfig config;                       ///< name and device stay
    const std::shared_ptr<PortStats> stats;  // with the scrape thread
    PortState state = PortState::offline;
    std::string offline_reason;
    line::Settings settings;  ///< in force; while offline, to be applied
    std::optional<line::Signals> signals;
    std::optional<line::Capabilities> capabilities;
    line::Kind kind;
    std::uint64_t tx_offset = 0;
    std::vector<std::string> foreign_readers;
    TxQueue queue;
    bool held() const noexcept { return output_held_; }

private:
    enum class Phase : std::uint8_t { closed, opening, online, closing };
    using Timer = boost::asio::steady_timer;
    using Line = std::shared_ptr<line::Line>;  // with the worker job that is using it

    static constexpr std::chrono::milliseconds backoff_min{20};  ///< between two tries to open the device
    static constexpr std::chrono::milliseconds backoff_max{1000};
    /// How long a call to a driver may take, from when a worker begins it.
    static constexpr std::chrono::milliseconds driver_limit{5000};

    struct OpenRequest {
        std::string device;
        base::Fd held;
        line::Settings settings;
        line::LineOptions options;
        std::optional<line::Terminal> closed;  ///< a terminal that was closed: no other that gets its number is opened
        bool any_terminal = false;             ///< or it is
    };
    struct OpenedLine {
        Line line;
        line::Settings settings;
        line::LineStatus status;
        line::Settings asked;  ///< for `settings`
        bool taken_over = false;
        std::optional<line::Terminal> terminal = std::nullopt;
    };
    /// A call on the line, made on the worker pool, one at a time.
    struct LineCall {
        std::function<void(line::Line&)> work;      ///< on a worker; owns what it uses
        std::function<void()> done;                 ///< on the io thread
        std::function<void(const Error&)> abandon;  ///< instead of done
    };

    void after(Timer& timer, std::chrono::steady_clock::duration delay, void (Impl::*call)());
    std::function<void()> when_alive(void (Impl::*call)());  ///< for workers: does nothing once the port is gone

    // port_open.cpp
    static Result<OpenedLine> open_device(OpenRequest request);
    static Result<Line> adopt_or_open(OpenRequest& request, bool& taken_over);
    void try_open();
    void opened(Result<OpenedLine> result);
    void open_failed(const Error& error);
    void note_open_failure(const Error& error);
    void open_overdue();
    void retry_later();
    void node_changed();
    void check_node();

    // port_device.cpp
    void go_online(OpenedLine opened);
    void go_offline(std::string reason);
    void hung_up();
    void begin_close();
    void continue_close();
    void closed();
    void close_overdue();
    void close_refused(Line line, const Error& error);
    void finish_stop();
    void set_options(const line::LineOptions& options);
    void start_read();
    void on_read(ssize_t result);

    // port_look.cpp
    struct Look {
        line::LineStatus status;
        std::optional<line::OutsideChange> outside;
    };
    void watch_foreign_readers();
    void take_foreign_readers(const std::vector<std::string>& processes);
    bool is_looked_at() const;
    void look_at_line(std::function<void()> done);
    void poll_status();
    void take_look(const Result<Look>& look);
    void take_status(const Result<line::LineStatus>& status);
    void take_outside_change(const line::OutsideChange& change);
    void read_nothing();
    void told_status();
    void schedule_status();

    // port_commands.cpp
    void check_deadlines();
    void begin_command();
    void wait_for_wire(const Result<std::uint64_t>& pending);
    void wire_waited();
    void run_command(std::unique_ptr<TxCommand> command, bool at_once);
    void apply_settings(const line::SettingsChange& change, bool at_once);
    void take_settings(const line::Settings& in_force, bool changed_outside);
    void apply_configured();
    void start_break();
    void end_break();
    void finish_command(Result<line::Settings> result);
    Result<void> require_online() const;
    Result<void> check_supported(const TxCommand& command) const;
    std::chrono::microseconds wire_time(std::uint64_t bytes) const;

    // port_hold.cpp
    struct OutputState {
        std::uint64_t pending_bytes;  ///< in the device
        bool cts;
    };
    void watch_output();
    void check_output();
    void take_output_state(const Result<OutputState>& state);
    void output_moved();
    void set_held(bool held);
    void overtake_held_output();

    // port_transmit.cpp
    template <class T>
    void call_line(std::function<Result<T>(line::Line&)> work, std::function<void(Result<T>)> reply);  // below
    void start_call();
    void call_done();
    void call_overdue();
    void call_refused(const Error& error);
    void abandon_calls(const Error& error);
    void pump();
    void on_written(ssize_t result);
    void announce_room();

    PortEnvironment environment_;
    Listener& listener_;
    Phase phase_ = Phase::closed;
    bool stopping_ = false;
    std::function<void()> stop_done_;
    DeviceWatch::Registration watch_;
    ForeignReaders::Registration foreign_readers_watch_;
    base::Fd held_;  ///< the device as a process before this one had it, until the first open
    std::optional<line::Settings> resumed_in_force_;
    std::optional<line::LineStatus> resumed_status_;
    bool was_online_ = false;
    std::chrono::steady_clock::time_point online_since_;
    bool node_changed_while_busy_ = false;
    bool checking_node_ = false;
    std::optional<line::Terminal> terminal_;         ///< that is open
    std::optional<line::Terminal> closed_terminal_;  ///< that was
    bool terminal_refused_ = false;                  ///< what has its number now is not opened
    std::string open_failure_;                       ///< the last one announced
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
    std::unique_ptr<TxCommand> command_;  ///< taken out of the queue and under way; nothing is written meanwhile
    bool wire_asked_ = false;             ///< whether the wire is free for the command at the front
    std::uint64_t device_pending_ = 0;    ///< bytes in the device when a command last asked that

    bool output_held_ = false;
    std::chrono::steady_clock::time_point output_held_since_;
    bool output_watched_ = false;
    std::chrono::steady_clock::time_point output_moved_at_;
    std::optional<std::uint64_t> output_sent_;  ///< bytes that had left the device at the last look

    Timer reopen_timer_;
    Timer status_timer_;
    Timer command_timer_;
    Timer wire_timer_;
    Timer output_timer_;
    Timer stop_timer_;
};

template <class T>
void Port::Impl::call_line(std::function<Result<T>(line::Line&)> work, std::function<void(Result<T>)> reply) {
    const auto result = std::make_shared<std::optional<Result<T>>>();  // with the worker, which may be stuck
    calls_.push_back({[result, work = std::move(work)](line::Line& line) { *result = work(line); },
                      [result, reply] { reply(std::move(**result)); }, [reply](const Error& error) { reply(error); }});
    start_call();
}

}  // namespace vserd::port
