#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/labels.hpp"
#include "io/loop.hpp"
#include "line/line.hpp"
#include "port/deadline.hpp"
#include "port/listener.hpp"
#include "port/stats.hpp"

namespace vserd::port {

class DeviceWatch;
class ForeignReaders;
class WorkerPool;

inline constexpr std::size_t tx_queue_bytes_default = std::size_t{256} << 10;
/// Settings changes, breaks and other calls that may wait on one port; more fail with Failure::exhausted.
inline constexpr std::size_t line_requests_max = 64;
inline constexpr std::chrono::milliseconds break_duration_min{1};
inline constexpr std::chrono::milliseconds break_duration_max{5000};

enum class PortState : std::uint8_t { offline, online };

struct PortConfig {
    std::string name;
    std::string description;
    std::string device;  ///< see port::open_line
    line::ValidSettings settings;
    std::size_t tx_queue_bytes_max = tx_queue_bytes_default;
    line::LineOptions line = {};
    /// Open any terminal that gets the number of a closed /dev/pts/N. Off by default, because it may belong to another user.
    bool reopen_pts = false;
    bool restore_settings = false;  ///< undo changes by other programs; otherwise only report them
    bool record_tx = false;         ///< archive what is sent to the device too, if the port is archived
    base::Labels labels = {};

    friend bool operator==(const PortConfig&, const PortConfig&) = default;
};

/// Services that a port uses. They outlive it.
struct PortEnvironment {
    io::Loop& loop;
    WorkerPool& workers;
    DeviceWatch& device_watch;
    ForeignReaders* foreign_readers = nullptr;  ///< null: do not look for them
};

/// The state of a port that the previous process saved. Default values for a new port.
struct PortResume {
    base::Fd device;                              ///< still open; empty: open the device
    std::optional<line::ValidSettings> settings;  ///< use them instead of the configured ones
    std::optional<line::Settings> in_force;       ///< when that process ended
    std::optional<line::LineStatus> status;       ///< according to its events
    std::uint64_t tx_offset = 0;
    bool terminal_closed = false;  ///< the device was a pseudo terminal that was closed for good
};

template <class T>
using Reply = std::function<void(Result<T>)>;  ///< called once, on the io thread

/// A configured name and the device behind it. A port opens the device, moves its bytes, detects a disconnect, and reopens
/// the device when it returns. Io thread only.
class Port {
public:
    Port(PortEnvironment environment, PortConfig config, Listener& listener);
    ~Port();  ///< requires: stop() has called back, or start() never ran
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    void start(PortResume resume = {});
    /// Instead of start(): there is no device, and the port stays offline for that reason.
    void stay_offline(std::string reason);
    /// Closes the device, then calls `done`. Discards the tx queue: wait until tx_queue_bytes() is 0 first to send it.
    void stop(std::function<void()> done);

    /// Applies a new configuration with the same name and device. Settings change as by change_settings, without a deadline,
    /// or at the next open if the device is disconnected. `reply` gets the result if the device is connected.
    void reconfigure(const PortConfig& config, Reply<line::Settings> reply);

    const PortConfig& config() const noexcept;
    PortState state() const noexcept;
    const std::string& offline_reason() const noexcept;               ///< a sentence; empty while online
    const line::Settings& settings() const noexcept;                  ///< in force; while offline, for the next open
    std::optional<line::Signals> signals() const noexcept;            ///< last seen; empty without the capability
    std::optional<line::Capabilities> capabilities() const noexcept;  ///< empty before the first open
    line::Kind kind() const noexcept;
    /// The device was a pseudo terminal that is closed now. The port does not open another one that gets its number.
    bool terminal_closed() const noexcept;
    std::string_view engine() const noexcept;  ///< serves the device; while offline, the first to try
    std::uint64_t tx_offset() const noexcept;  ///< bytes accepted since this log was created
    std::size_t tx_queue_bytes() const noexcept;
    /// Other processes that have the device open for reading, as ForeignReaders names them.
    const std::vector<std::string>& foreign_readers() const noexcept;
    bool held_by_flow_control() const noexcept;  ///< bytes wait because flow control holds the output
    const std::shared_ptr<PortStats>& stats() const noexcept;

    /// Reads the settings in force from the device now, not at the next poll, then calls `done` on the io thread. Calls it at
    /// once if nothing can have changed or the driver is busy.
    void look(std::function<void()> done);

    /// Queues as many bytes as there is room for and returns how many. They are kept while the device is disconnected.
    std::size_t transmit(std::span<const std::byte> bytes);

    /// Changes the settings after the bytes already accepted. While flow control holds those bytes, a change of flow control
    /// takes effect at once, and any other change after 2 s. Failures: invalid_argument, unavailable (device disconnected),
    /// unsupported, timed_out (earlier bytes were not sent by `deadline`; nothing was changed), exhausted.
    void change_settings(const line::SettingsChange& change, Deadline deadline, Reply<line::Settings> reply);
    /// Sets DTR and RTS at once, both in one step.
    void set_signals(const line::SignalChange& change, Reply<line::Signals> reply);
    void read_signals(Reply<line::Signals> reply);
    /// Sends a break after the bytes already accepted, and replies when it is over. Failures: see change_settings.
    void send_break(std::chrono::milliseconds duration, Deadline deadline, Reply<void> reply);
    /// Flushes at once, for that client. Replies with the number of accepted bytes that were discarded before they reached
    /// the device. If it is not 0, an event reports it too.
    void flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client = {});

    /// Replies when the device has sent everything that was accepted before. Failures: unavailable (device disconnected),
    /// timed_out, exhausted.
    void drain(Deadline deadline, const Reply<void>& reply);
    /// Discards everything that was accepted and has not been sent, also while the device is disconnected. Requests that wait
    /// for their turn fail with `why`, and a break ends. Replies and reports as flush(); an error of the driver is possible.
    void discard_output(const Error& why, std::string client, Reply<std::uint64_t> reply);

    /// Gives up the device, so that another program can use it: closes it with its locks, and replies when it is closed. Until
    /// take_back() the port is offline for `reason`, and does not reopen the device. Accepted bytes are kept, as while the
    /// device is disconnected. Requires: is not yielded. Failures: timed_out (the driver does not close the device; then the
    /// port is not yielded).
    void yield(std::string reason, Reply<void> reply);
    /// Ends yield(), also one that has not replied yet, which then never does. Otherwise does nothing.
    void take_back();

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  // shared with callbacks of running worker jobs
};

}  // namespace vserd::port
