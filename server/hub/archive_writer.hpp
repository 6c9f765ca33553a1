#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/opening.hpp"
#include "archive/recording.hpp"
#include "archive/trusted_clock.hpp"
#include "archive/upkeep.hpp"
#include "hub/archive_counts.hpp"
#include "hub/archive_feed.hpp"
#include "io/loop.hpp"
#include "port/worker_pool.hpp"

namespace vserd::hub {

/// Writes all ports to the archive in rounds: at most one is on its way to the disk, and meanwhile the next one gathers. Twice in the time of `sync`,
/// or sooner for a port that sends much. A slow disk makes the rounds rare, and nothing else slow. Io thread only.
class ArchiveWriter {
public:
    struct Hooks {
        /// The archive of a port (empty: of all) cannot be written any more, or can again.
        std::function<void(const std::string& port, const Result<void>& state)> state_changed;
        std::function<void(const archive::UpkeepReport& report)> kept_up;
        /// The archive of a port that is served without it can be written now.
        std::function<void(const std::string& port, const std::shared_ptr<archive::Recording>& recording)> opened_late;
    };

    ArchiveWriter(io::Loop& loop, archive::Settings settings, Hooks hooks);
    ~ArchiveWriter();
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    const archive::Settings& settings() const noexcept { return settings_; }
    /// Whether recording() would have to open the port's files.
    bool has(const std::string& port) const { return recordings_.contains(port) || missing_.contains(port); }
    /// Whether the process has the lock of the directory.
    bool has_lock() const noexcept { return lock_.has_value(); }
    /// What was opened on another thread. What could not be opened is tried again with each upkeep.
    void take(archive::Opening&& opening);
    /// Other ports are not tried again.
    void keep_trying(const std::function<bool(const std::string& port)>& is_wanted);
    /// The disk does not answer: nothing is written any more.
    bool is_hung() const noexcept { return hung_; }
    /// The port's archive. Blocks on the disk, unless has(port). Null: it cannot be opened now, as the journal says.
    std::shared_ptr<archive::Recording> recording(const std::string& port);

    /// Something is to be written. `hurry`: much.
    void mark(ArchiveFeed& feed, bool hurry);
    void write_state_changed(const std::string& port, const Result<void>& state) { hooks_.state_changed(port, state); }
    ArchiveErrors& errors() noexcept { return *errors_; }
    const std::shared_ptr<ArchiveErrors>& shared_errors() const noexcept { return errors_; }
    /// When all ports have ended: what was reserved for those that a reload removed is given back, then `done`.
    void release_reserved(std::function<void()> done);
    /// For reading.
    port::WorkerPool& readers() noexcept { return readers_; }

private:
    struct Part;
    struct Upkeep;
    using Round = std::vector<Part>;
    using Clock = std::chrono::steady_clock;
    using Feeds = boost::intrusive::list<ArchiveFeed, boost::intrusive::constant_time_size<false>>;
    void arm();
    void arm_at(Clock::time_point when);
    void take_due();
    void begin_round();
    void end_round(const Round& round);
    void note_hung(const Round& round);
    void plan_upkeep(std::chrono::milliseconds wait);
    void keep_up();
    std::vector<std::string> unopened() const;
    void note_missing(const std::string& port, const Error& error);
    void join_late();
    void kept_up(const archive::UpkeepReport& report, bool looked_only);

    io::Loop& loop_;
    const archive::Settings settings_;
    const Hooks hooks_;
    const std::shared_ptr<ArchiveErrors> errors_ = std::make_shared<ArchiveErrors>();
    port::WorkerPool workers_;
    port::WorkerPool readers_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer upkeep_timer_;
    std::optional<archive::DirectoryLock> lock_;
    std::map<std::string, std::shared_ptr<archive::Recording>> recordings_;
    std::set<std::string> missing_;  ///< ports that are served without their archives
    Feeds waiting_;
    Feeds due_;                     ///< of this round, or of one that follows it at once
    Clock::time_point next_round_;  ///< when all that wait are due
    bool armed_ = false;
    const std::shared_ptr<archive::TrustedClock> clock_;  ///< a worker has it while keep_up() runs
    bool hurry_ = false;                                  ///< the next round does not wait for its time
    bool looked_ = false;                                 ///< what there is is known; from then on there is upkeep
    bool upkeep_failing_ = false;
    bool hung_ = false;  ///< a round has taken too long, and has not ended yet
    bool in_flight_ = false;
};

}  // namespace vserd::hub
