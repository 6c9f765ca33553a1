#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vser_client/result.hpp"

namespace vser::client {

using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// Enumerators have the numbers of vser/v1/types.proto. `unspecified` in a request keeps the current value.
enum class Kind : std::uint8_t { unspecified = 0, vser = 1, tty = 2, simulated = 3, archive = 4 };
enum class State : std::uint8_t { unspecified = 0, online = 1, offline = 2 };
enum class Parity : std::uint8_t { unspecified = 0, none = 1, odd = 2, even = 3, mark = 4, space = 5 };
enum class StopBits : std::uint8_t { unspecified = 0, one = 1, one_and_half = 2, two = 3 };
enum class FlowControl : std::uint8_t { unspecified = 0, none = 1, rts_cts = 2, xon_xoff = 3 };
enum class SessionMode : std::uint8_t { yielded = 0, read_only = 1, read_write = 2, exclusive = 3 };
enum class FlushDirection : std::uint8_t { input = 1, output = 2, both = 3 };

/// The format of a character, and the flow control.
struct Format {
    std::uint32_t data_bits = 0;  ///< 5 to 8; 0 in a request keeps the current value
    Parity parity = Parity::unspecified;
    StopBits stop_bits = StopBits::unspecified;
    FlowControl flow_control = FlowControl::unspecified;

    friend bool operator==(const Format&, const Format&) = default;
};

/// Parses "8N1", "7E2", "5N1.5", optionally followed by "/none", "/rtscts" or "/xonxoff"; without a suffix the flow
/// control does not change. The error shows the grammar.
Result<Format> parse_format(std::string_view text);
/// The inverse: "8N1", "7E2/rtscts".
std::string to_string(const Format& format);

/// The modem lines; dtr and rts are outputs.
struct Signals {
    bool dtr = false;
    bool rts = false;
    bool cts = false;
    bool dsr = false;
    bool dcd = false;
    bool ri = false;

    friend bool operator==(const Signals&, const Signals&) = default;
};

/// A change of the outputs; an unset output keeps its state.
struct SignalChange {
    std::optional<bool> dtr;
    std::optional<bool> rts;
};

struct LineErrors {
    std::uint64_t frame = 0;
    std::uint64_t parity = 0;
    std::uint64_t overrun = 0;
    std::uint64_t breaks = 0;
};

struct Capabilities {
    bool baud = false;
    bool format = false;
    bool flow_control = false;
    bool modem_signals = false;
    bool send_break = false;
    bool flush = false;
    bool error_counters = false;
};

/// Counters since the daemon started.
struct PortStats {
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t gap_bytes = 0;
    std::uint64_t reopens = 0;
    std::uint64_t io_errors = 0;
    LineErrors line_errors;
    std::uint64_t tx_queue_bytes = 0;
};

/// What a client may do on a port. Each role includes those before it.
enum class Role : std::uint8_t { unspecified, list, read, write, control, admin };
/// "read"; empty for unspecified.
std::string to_string(Role role);

/// A port as the server sees it; the fields are described in vser/v1/types.proto.
struct Port {
    std::string name;
    std::string description;
    std::string device;
    Kind kind = Kind::unspecified;
    State state = State::unspecified;
    std::string offline_reason;
    std::uint32_t baud = 0;
    Format format;
    std::optional<Signals> signals;            ///< unset: the device has none or is disconnected
    std::optional<Capabilities> capabilities;  ///< unset: the device was never open
    std::string engine;
    std::uint64_t oldest_offset = 0;
    std::uint64_t next_offset = 0;
    std::uint64_t tx_offset = 0;
    std::uint32_t readers = 0;
    PortStats stats;
    std::string log_id;                         ///< offsets are valid only within the log with this id
    bool held_by_flow_control = false;          ///< flow control holds bytes back from the device
    std::vector<std::string> foreign_readers;   ///< other processes that read the device: "agetty (pid 123)"
    Role role = Role::unspecified;              ///< of this client
    std::string writer;                         ///< the client that holds the port's lease; empty: none
    std::map<std::string, std::string> labels;  ///< from the server's configuration
};

/// Where in a port's log to start.
struct StartPoint {
    struct Live {};    ///< only bytes that arrive from now on
    struct Oldest {};  ///< the oldest byte in the log
    struct Offset {
        std::uint64_t value = 0;
    };
    struct TailBytes {
        std::uint64_t value = 0;
    };
    struct Since {
        Time value;
    };
    struct Age {
        std::chrono::milliseconds value{0};
    };
    std::variant<Live, Oldest, Offset, TailBytes, Since, Age> where;

    static StartPoint live() { return {Live{}}; }
    static StartPoint oldest() { return {Oldest{}}; }
    static StartPoint offset(std::uint64_t value) { return {Offset{value}}; }
    static StartPoint tail_bytes(std::uint64_t value) { return {TailBytes{value}}; }
    static StartPoint since(Time value) { return {Since{value}}; }
    /// Received at most this long ago, by the server's clock; the client's clock does not matter.
    static StartPoint age(std::chrono::milliseconds value) { return {Age{value}}; }
};

/// Where in a port's log to end.
struct EndPoint {
    std::variant<StartPoint::Offset, StartPoint::Since, StartPoint::Age> where;

    static EndPoint offset(std::uint64_t value) { return {StartPoint::Offset{value}}; }
    /// Before the first byte received at this time or later; it may be in the future.
    static EndPoint time(Time value) { return {StartPoint::Since{value}}; }
    static EndPoint age(std::chrono::milliseconds value) { return {StartPoint::Age{value}}; }
};

// Items of a log, in log order.

/// Received bytes.
struct Data {
    std::uint64_t offset = 0;  ///< of the first byte
    std::string bytes;         ///< at least one
    Time receive_time;         ///< of the last byte
};

/// The bytes in [from, to) are no longer in the server's log.
struct Gap {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t events_lost = 0;
};

struct SettingsChanged {
    std::uint32_t baud = 0;
    Format format;
    bool changed_outside = false;  ///< another program made the change, not a request to vserd
};
struct Offline {
    std::string reason;
};
struct Online {
    std::string device;
};
struct BreakSent {
    std::chrono::nanoseconds duration{0};
};
enum class LeaseChange : std::uint8_t { unspecified = 0, acquired = 1, released = 2, expired = 3, taken_over = 4 };
/// A change of the port's lease, or a request of this console was rejected because of it.
struct WriterChanged {
    std::string client;  ///< the client that holds the port; empty: nobody does
    /// What the server rejected from this console because of the holder: bytes, and a request such as "break".
    std::uint64_t refused_bytes = 0;
    std::string refused_request;
    std::string via;       ///< how the holder is connected: "grpc", "telnet", ...
    std::string reason;    ///< what it needs the port for
    std::string previous;  ///< the client whose lease has ended
    LeaseChange change = LeaseChange::unspecified;
    bool own = false;  ///< this console holds the port (Console::acquire())
    /// Not unspecified: the request was rejected because it needs this role, and this client has `held_role`.
    Role needed_role = Role::unspecified;
    Role held_role = Role::unspecified;
};
/// A flush discarded accepted bytes before they reached the device.
struct Flushed {
    FlushDirection direction = FlushDirection::both;
    std::uint64_t bytes = 0;
    std::string client;
};
/// Other processes that have the device open for reading; empty: none any more.
struct ForeignReaders {
    std::vector<std::string> processes;
};
/// Flow control stopped the output, or released it.
struct OutputHeld {
    bool held = false;
};
/// A message from a client to everybody attached to the port.
struct Notice {
    std::string text;
    std::string from;
};

/// Something that happened on a port, at its place in the log. monostate: an event that this library does not know.
struct Event {
    std::uint64_t offset = 0;
    Time time;
    std::variant<std::monostate, SettingsChanged, Signals, LineErrors, Offline, Online, BreakSent, WriterChanged,
                 Flushed, ForeignReaders, OutputHeld, Notice>
        what;
    std::uint64_t number = 0;  ///< numbers the log's events: 1, 2, 3, ...; 0: not in the log, or an old server
};

using ReadItem = std::variant<Data, Gap, Event>;

/// One change of one port, from Client::watch.
struct PortEvent {
    Port port;                   ///< as it is after the change
    std::optional<Event> event;  ///< unset: this is the initial state
    std::uint64_t events_lost = 0;
    Time time;
    bool removed = false;  ///< a reload removed the port; nothing more follows for it
};

struct EngineRefusal {
    std::string engine;
    std::string reason;
};

struct ServerInfo {
    std::string version;
    std::string engine;
    std::vector<EngineRefusal> refusals;
    std::chrono::nanoseconds uptime{0};
    std::uint32_t ports_up = 0;
    std::uint32_t ports_total = 0;
    std::uint32_t readers = 0;
};

/// One client that stays connected to one port; the fields are described in vser/v1/session_service.proto.
struct Session {
    std::string id;
    std::string identity;  ///< empty: not shown to this client
    std::string via;
    std::string peer;  ///< empty: not shown to this client
    std::string client;
    std::string port;
    SessionMode mode = SessionMode::yielded;
    Time since;
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t lag_bytes = 0;
};

struct WriteReceipt {
    std::uint64_t bytes_written = 0;
    std::uint64_t tx_offset = 0;  ///< the port's tx offset after the last of these bytes
};

/// The right to write to a port, while no other client may.
struct Lease {
    std::uint64_t id = 0;  ///< 0: it belongs to another identity
    std::string port;
    std::string holder;
    std::string via;
    Time since;
    std::optional<Time> expires;  ///< unset: it ends with its stream
    std::string reason;
};

struct WaitingClient {
    std::string port;
    std::string client;
    std::string via;
    std::string reason;
};

struct LeaseList {
    std::vector<Lease> leases;
    std::vector<WaitingClient> waiting;  ///< the next one first, at most 16 for each port
};

/// vserd has closed the device of a port for this client.
struct YieldedDevice {
    std::string path;  ///< on the server's machine
};

}  // namespace vser::client
