#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// A message about the connection to a port's log.
struct LogNote {
    std::string text;
};

/// One line (or a part of one), or another item, of one port.
struct LogEntry {
    std::size_t port = 0;  ///< index in LogCommand::ports
    vser::client::Time time;
    std::variant<vser::client::Data, vser::client::Gap, vser::client::Event, LogNote> what;
};

/// Reads the logs of several ports, each in a thread, and returns their entries ordered by receive time. When it follows, an
/// entry waits a moment for older ones of other ports. Memory is bounded: a thread waits when its port is far ahead.
class LogMerge {
public:
    /// Finds the server of a port again, which may have moved to another one.
    using FindOwner = std::function<vser::client::Result<vser::client::Client>(const std::string& port)>;
    /// `owners`: for each of the command's ports, a client of its server. `find`: null if ports do not move. The command outlives
    /// this.
    LogMerge(std::vector<vser::client::Client> owners, FindOwner find, const LogCommand& command);
    ~LogMerge();
    LogMerge(const LogMerge&) = delete;
    LogMerge& operator=(const LogMerge&) = delete;

    /// How far the slowest of the searches is: what it has searched, and the bytes that all have left.
    using OnProgress = std::function<void(vser::client::Time time, std::uint64_t bytes_left)>;
    /// Waits for the next entry; nothing at the end. Calls `on_progress` meanwhile.
    std::optional<LogEntry> next(const OnProgress& on_progress);
    /// Why a port's log ended early, of the first such port. Call it at the end.
    std::optional<vser::client::Error> error() const;

private:
    using Clock = std::chrono::steady_clock;
    using Items = vser::client::Stream<vser::client::ReadItem>;
    struct Source;

    void start(Source& source);
    void run(Source& source);
    void end(Source& source, std::optional<vser::client::Error> error);
    std::optional<vser::client::Error> read(Source& source);
    bool resume(Source& source);
    bool add(Source& source, LogEntry entry);
    void note(Source& source, const std::string& text);
    void report(const OnProgress& on_progress);
    bool wait_to_retry();
    bool may_pass(const vser::client::Error& error) const;

    std::vector<vser::client::Client> owners_;  ///< each used by the thread of its port
    const FindOwner find_;
    const LogCommand& command_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;  ///< an entry was added, or a log has ended
    std::condition_variable room_;     ///< an entry was taken, or this closes
    bool closing_ = false;
    bool progressed_ = false;  ///< guarded by mutex_; since the last report()
    std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace vserctl
