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
/// Settings changes, breaks and the like that may wait on one port; more are Failure::exhausted.
inline constexpr std::size_t line_requests_max = 64;
inline constexpr std::chrono::milliseconds break_duration_min{1};
inline constexpr std::chrono::milliseconds break_duration_max{5000};

enum class PortState : std::uint8_t { offline, online };

struct PortConfig {
    std::string name;
    std::string description;
    std::string device;  ///< as port::open_line takes it
    line::ValidSettings settings;
    std::size_t tx_queue_bytes_max = tx_queue_bytes_default;
    line::LineOptions line = {};
    /// Open whatever terminal gets the number of a closed /dev/pts/N. It may be anybody's, so the default is not to.
    bool reopen_pts = false;
    bool restore_settings = false;  ///< what another program changes is changed back; otherwise only reported

    friend bool operator==(const PortConfig&, const PortConfig&) = default;
};

/// What a port runs on. All outlive it.
struct PortEnvironment {
    io::Loop& loop;
    WorkerPool& workers;
    DeviceWatch& device_watch;
    ForeignReaders* foreign_readers = nullptr;  ///< null: nobody looks for them
};

/// What a port goes on with after another process; as it is, for a port that begins.
struct PortResume {
    base::Fd device;                              ///< open since then; none: it is opened
    std::optional<line::ValidSettings> settings;  ///< to be used instead of the configured ones
    std::optional<line::Settings> in_force;       ///< when that process ended
    std::optional<line::LineStatus> status;       ///< that process had told of
    std::uint64_t tx_offset = 0;
    bool terminal_closed = false;  ///< the device was a pseudo terminal that was closed for good
};

template <class T>
using Reply = std::function<void(Result<T>)>;  ///< called once, on the io thread

/// A configured name and the device behind it while there is one: opens it, moves its bytes, notices that it went away
/// and opens it again when it is back. Io thread only.
class Port {
public:
    Port(PortEnvironment environment, PortConfig config, Listener& listener);
    ~Port();  ///< requires: stop() has called back, or start() never ran
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    void start(PortResume resume = {});
    /// Cancels, closes, then calls `done`. What is still queued for sending is dropped: drain first (see
    /// tx_queue_bytes()).
    void stop(std::function<void()> done);

    /// Goes on as `config` says, which has the same name and device. Other settings take effect as by change_settings, without
    /// a deadline; while the device is away, when it is opened next. `reply` tells how that went where there was a device.
    void reconfigure(const PortConfig& config, Reply<line::Settings> reply);

    const PortConfig& config() const noexcept;
    PortState state() const noexcept;
    const std::string& offline_reason() const noexcept;               ///< a sentence; empty while online
    const line::Settings& settings() const noexcept;                  ///< in force; while offline, to be applied
    std::optional<line::Signals> signals() const noexcept;            ///< as last seen; none without the capability
    std::optional<line::Capabilities> capabilities() const noexcept;  ///< none before it was first opened
    line::Kind kind() const noexcept;
    /// The device is a pseudo terminal that was closed, and another one that gets its number is not opened.
    bool terminal_closed() const noexcept;
    std::string_view engine() const noexcept;  ///< that serves the device, or while offline the one to be tried first
    std::uint64_t tx_offset() const noexcept;  ///< bytes accepted since the port was made, of this log
    std::size_t tx_queue_bytes() const noexcept;
    /// Processes besides this one that have the device open for reading, as ForeignReaders names them.
    const std::vector<std::string>& foreign_readers() const noexcept;
    bool held_by_flow_control() const noexcept;  ///< bytes wait, and flow control keeps them from the device
    const std::shared_ptr<PortStats>& stats() const noexcept;

    /// Looks at the device now instead of at the next poll, so that settings() is what is in force, and then calls `done`: at
    /// once where nothing can have changed or the driver is busy, on the io thread in any case.
    void look(std::function<void()> done);

    /// Takes as many bytes as there is room for and returns how many. They are kept while the device is away.
    std::size_t transmit(std::span<const std::byte> bytes);

    /// Takes effect behind the bytes already accepted; while flow control holds those, a change of the flow control takes
    /// effect at once, and anything else after 2 s. Failures: invalid_argument, unavailable (device away),
    /// unsupported, timed_out (the bytes before it had not left by `deadline`; nothing was changed), exhausted.
    void change_settings(const line::SettingsChange& change, Deadline deadline, Reply<line::Settings> reply);
    /// At once, both wires in one step.
    void set_signals(const line::SignalChange& change, Reply<line::Signals> reply);
    void read_signals(Reply<line::Signals> reply);
    /// Behind the bytes already accepted; replies when the break is over. Failures as change_settings.
    void send_break(std::chrono::milliseconds duration, Deadline deadline, Reply<void> reply);
    /// At once, for that client. Replies with how many accepted bytes were discarded before they reached the device; if there
    /// were any, that is an event too.
    void flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client = {});

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  // shared with the worker job in flight, which may outlive the port's last use
};

}  // namespace vserd::port
