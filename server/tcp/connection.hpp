#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/session.hpp"
#include "hub/sink.hpp"
#include "log/byte_log_items.hpp"
#include "tcp/listen_options.hpp"
#include "tcp/stream.hpp"

namespace vserd::tcp {

/// The most bytes that one read takes from a client.
inline constexpr std::size_t read_bytes_max = std::size_t{16} << 10;
/// The most bytes read from one client in one turn, before other connections and ports are served.
inline constexpr std::size_t read_bytes_per_run = 4 * read_bytes_max;
/// The most bytes of the log in one write. A client that does not read costs this much memory, or twice this if bytes are encoded.
inline constexpr std::size_t write_bytes_max = std::size_t{128} << 10;
inline constexpr std::size_t encoded_bytes_max = std::size_t{16} << 10;
/// While more answers and notices than this are waiting, nothing is read from the client.
inline constexpr std::size_t answers_bytes_max = std::size_t{4} << 10;
inline constexpr std::chrono::seconds handshake_limit{10};

/// The io thread counts; any thread may read.
struct ListenerStats {
    ListenerStats(std::string port_name, Protocol spoken) : port(std::move(port_name)), protocol(spoken) {}
    const std::string port;
    const Protocol protocol;
    std::atomic<std::uint64_t> clients{0};
    std::atomic<std::uint64_t> fell_behind{0};  ///< disconnected because the log overtook them
};

/// Counts of rejected clients, by reason. Any thread may read them.
struct RefusedClients {
    std::atomic<std::uint64_t> clients_max{0};
    std::atomic<std::uint64_t> descriptors{0};
    std::atomic<std::uint64_t> tls{0};
    std::atomic<std::uint64_t> role{0};  ///< the rules give the client too little
};

/// What a connection needs of its listener. The scratch buffer outlives it.
struct ConnectionEnvironment {
    ListenOptions options;
    std::shared_ptr<ListenerStats> stats;  // shared with the scrape thread
    std::span<std::byte> scratch;          ///< of all connections; read_bytes_max
    RefusedClients& refused;
};

/// One client of one port: a cursor in the byte log and a writer. Io thread only.
///
/// At most one write is in flight; meanwhile the log holds what the device sends. The next bytes are read from the client
/// when the port's queue has taken the previous ones. Subclasses implement the protocols.
class Connection : public std::enable_shared_from_this<Connection>, private hub::Sink {
public:
    /// Called once, when the connection has ended. The connection may be destroyed soon after.
    using Ended = std::function<void(Connection&)>;

    Connection(ConnectionEnvironment environment, std::unique_ptr<Stream> stream, hub::Session session, Ended ended);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();
    /// Ends the connection after pending output was sent, or after `limit`. Telnet shows the reason.
    void finish(std::string_view reason, std::chrono::milliseconds limit);
    /// Ends the connection now.
    void close();
    /// Call about once a second.
    virtual void tick(std::chrono::steady_clock::time_point now);
    /// The client has closed its sending side, and only waits for the last output.
    bool half_closed() const noexcept { return half_closed_; }

protected:
    // Protocols. They may call everything below.
    virtual void begin() {}  ///< the port is open, and the reader attached
    /// Takes at least one byte off the front of `input`. Nothing it refers to may be kept, except through send_to_port().
    virtual void take_input(std::span<const std::byte>& input) = 0;
    virtual void input_ended() {}                         ///< all bytes of one read were taken
    virtual bool input_blocked() const { return false; }  ///< do not take more until run() is called again
    virtual void take_data(log::DataItem data) = 0;       ///< of at most data_bytes_max()
    virtual void take_gap(const log::GapItem& gap) = 0;   ///< the log overtook the reader
    virtual void take_event(const log::EventItem& event) = 0;
    virtual void on_refused(
        const Error& error) = 0;  ///< another client holds the port, or the role is too low; the bytes are dropped
    virtual void tell(std::string_view notice) = 0;  ///< shows it, if the client is a person
    virtual std::size_t data_bytes_max() const = 0;
    virtual bool keeps_half_closed() const { return false; }

    /// Passes bytes to the port. input_blocked() is true until the port has taken them.
    void send_to_port(std::span<const std::byte> bytes);
    /// Reads and writes as much as possible without blocking. A nested call only causes another round.
    void run();
    void fall_behind();
    /// Skips to the end of the log.
    void skip_to_live();
    void suspend(bool on) noexcept { suspended_ = on; }

    const ListenOptions& options() const noexcept { return environment_.options; }
    bool may_write() const noexcept { return options().mode != Mode::read_only; }
    bool closed() const noexcept { return closed_; }
    hub::PortHandle& port() noexcept { return port_; }
    const hub::PortHandle& port() const noexcept { return port_; }
    /// Answers and notices for the client. They are sent before further bytes of the log.
    std::string& answers() noexcept { return answers_; }
    /// take_data() calls one of these.
    void send(log::DataItem data) { data_ = std::move(data); }
    std::string& encoded() noexcept { return encoded_; }

private:
    void on_available() override { run(); }
    void on_closed(const Error& why) override;
    void shake_hands();
    void open();
    void turn_away(const Error& why);
    void attach();
    void run_input();
    void read();
    void end_of_input();
    void hold_input();
    bool run_output();
    void stop_output();
    bool fill();
    bool nothing_to_write() const noexcept { return answers_.empty() && encoded_.empty() && data_.size == 0; }
    Stream::Moved write();
    void consume(std::size_t bytes);
    void written(const Result<void>& result);
    void wait(Stream::Outcome what);
    void run_later();
    bool is_blocked() const { return pending_.is_linked() || answers_.size() > answers_bytes_max || input_blocked(); }

    const ConnectionEnvironment environment_;
    const std::unique_ptr<Stream> stream_;
    hub::Session session_;
    Ended ended_;
    hub::StreamSlot slot_;
    hub::PortHandle port_;
    std::unique_ptr<hub::Reader> reader_;
    log::BootClock::time_point opened_;

    // From the client.
    std::span<const std::byte> input_;  ///< read but not taken yet; in the scratch buffer or in held_
    std::vector<std::byte> held_;       ///< input that must outlive run()
    hub::PendingWrite pending_;         ///< its bytes lie just before input_
    std::size_t read_budget_ = read_bytes_per_run;
    bool input_open_ = false;  ///< some of the present read was taken
    bool submitting_ = false;
    bool ended_by_peer_ = false;
    bool half_closed_ = false;

    // To the client.
    std::string encoded_;  ///< bytes of the log; answers follow them, because they must not split an encoded byte
    std::string answers_;
    log::DataItem data_;       ///< bytes of the log as they are, unless there are encoded ones; size 0: none
    bool data_first_ = false;  ///< the last attempt began with data_ and must be repeated so (TLS)
    bool output_stopped_ = false;
    bool suspended_ = false;
    std::string goodbye_;

    bool begun_ = false;
    bool waits_for_port_ = false;  ///< until an earlier holder's output is discarded
    bool finishing_ = false;
    bool closed_ = false;
    bool running_ = false;
    bool run_again_ = false;
    bool run_posted_ = false;
    bool readable_ = true;
    bool writable_ = true;
    bool waits_readable_ = false;
    bool waits_writable_ = false;
    std::optional<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace vserd::tcp
