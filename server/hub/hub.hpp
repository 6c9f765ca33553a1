#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/authority.hpp"
#include "hub/archive_writer.hpp"
#include "hub/channel.hpp"
#include "hub/delivery_histogram.hpp"
#include "hub/port_watcher.hpp"
#include "hub/session.hpp"
#include "port/device_watch.hpp"
#include "port/foreign_readers.hpp"
#include "port/worker_pool.hpp"
#include "restart/removed_logs.hpp"

namespace vserd::hub {

struct HubConfig {
    std::vector<port::PortConfig> ports;
    ChannelLimits limits;
    /// How long to keep the log of a port that apply() removed. A port with the same name and device resumes it.
    std::chrono::milliseconds removed_ports_keep{0};

    friend bool operator==(const HubConfig&, const HubConfig&) = default;
};

/// Limits for all sessions together.
struct SessionLimits {
    std::uint32_t streams_max = 4096;
};

/// Whether the port is an archive that is served, instead of a device.
inline bool is_served(const port::PortConfig& config) { return config.device.starts_with(archive::served_prefix); }
/// Requires is_served().
inline std::string served_path(const port::PortConfig& config) {
    return config.device.substr(archive::served_prefix.size());
}

using StatsList = std::vector<std::shared_ptr<const port::PortStats>>;

/// All channels by name. Io thread only, except stats(). Faces use it through a Session.
class Hub {
public:
    /// `keeper` outlives the hub; null: nothing survives the process.
    explicit Hub(io::Loop& loop, restart::Keeper* keeper = nullptr, SessionLimits limits = {});
    ~Hub();  ///< requires: shut_down() has completed, or apply() was never called
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    /// Call it before the first apply(): all ports are archived from then on.
    void archive_to(archive::Settings settings);
    /// Null: nothing is archived.
    std::shared_ptr<const ArchiveErrors> archive_errors() const;

    /// By the names of their ports.
    using ServedArchives = std::map<std::string, Result<archive::Served>>;
    /// What new ports have on the disk.
    struct Prepared {
        std::map<std::string, restart::FiledLog> logs;
        archive::Opening archives;
        ServedArchives served;
    };
    /// Returns the disk work of apply(config): run it on a thread that may block, and pass its result to apply(). Null: no
    /// disk work is needed. Logs of removed ports do not expire until then.
    using DiskWork = std::function<Prepared()>;
    DiskWork disk_work(const HubConfig& config);
    /// The part of it that opens archives. Null: nothing to do.
    std::function<archive::Opening()> archive_work(const HubConfig& config) const;
    /// The part of it that looks into the archives that are to be served. Null: nothing to do.
    static std::function<ServedArchives()> served_work(const HubConfig& config);

    /// Applies `config`: starts new ports, stops missing ones, and changes the others in place. A port with another device or
    /// other limits is replaced, and its readers are closed. It opens its device when no stopping port has it open any more.
    void apply(const HubConfig& config, Prepared&& prepared = {});

    Channel* find(std::string_view name) noexcept;
    /// A port that `identity` may list. Failure::not_found with the closest name in the message, one that it may list too;
    /// invalid_argument (subject "port") for an empty name.
    Result<Channel*> require(std::string_view name, const access::Identity& identity = {});
    const std::map<std::string, std::unique_ptr<Channel>, std::less<>>& channels() const noexcept { return channels_; }

    /// Replaces the rules. Clients that lost the role they use are disconnected.
    void set_authority(access::AuthorityRef authority);
    /// Applies the rules in force again, because a token has expired: its clients are disconnected.
    void review_rights();
    /// When the next token of the tokens file, or of a connected client, expires, later than `after`.
    std::optional<std::chrono::sys_seconds> next_expiry(std::chrono::sys_seconds after) const;
    /// The rules in force.
    const access::Authority& authority() const noexcept { return *authority_; }
    access::AuthorityRef shared_authority() const { return published_authority_.load(); }  // any thread

    SessionBook& sessions() noexcept { return sessions_; }
    const SessionBook& sessions() const noexcept { return sessions_; }  // any thread: its counts

    /// As Session::open_stream().
    Result<StreamSlot> open_stream();

    void add_watcher(PortWatcher& watcher);
    void remove_watcher(PortWatcher& watcher) noexcept;

    /// Rejects new writes, waits until all accepted bytes are written or `drain_limit` has passed, then calls `done`. The ports
    /// keep receiving.
    void drain(std::chrono::milliseconds drain_limit, std::function<void()> done);
    /// Drains, closes everything, then calls `done`.
    void shut_down(std::chrono::milliseconds drain_limit, std::function<void()> done);
    bool shutting_down() const noexcept { return shutting_down_; }
    /// Valid inside PortWatcher::on_port_removed(): how long the channel's log is kept.
    std::chrono::milliseconds keeps_log_of(const Channel& channel) const noexcept;

    std::shared_ptr<const StatsList> stats() const;                                  // any thread
    const port::WorkerStats& workers() const noexcept { return *workers_.stats(); }  // any thread
    DeliveryHistogram& delivery() noexcept { return delivery_; }
    io::Loop& loop() noexcept { return loop_; }

private:
    struct Leaving {
        std::unique_ptr<Channel> channel;
        std::string device;  ///< as device_key()
        bool keep = false;   ///< keep its log when it has stopped
    };

    void store_kept(const archive::UpkeepReport& report);
    std::function<void(Prepared&)> log_work(const HubConfig& config);
    void add_served(const port::PortConfig& config);
    static std::string device_key(const Channel& channel);
    void add(const port::PortConfig& config, bool terminal_closed);
    std::unique_ptr<Channel> make_channel(const port::PortConfig& config, restart::Keeper* keeper,
                                          restart::KeptPort kept);
    Channel& introduce(std::unique_ptr<Channel> channel);
    void start(Channel& channel);
    void remove(const std::string& name, bool keep);
    restart::KeptPort kept_for(const port::PortConfig& config);
    std::shared_ptr<archive::Recording> join_archive(const std::string& port, restart::KeptPort& kept);
    void join_archive_late(const std::string& port, const std::shared_ptr<archive::Recording>& recording);
    log::LogIdentity identity_of(const port::PortConfig& config) const;
    bool is_leaving(const std::string& name) const noexcept;
    const Leaving* leaving_with_log(const std::string& name) const noexcept;
    bool has_log_for(const port::PortConfig& config) const;
    void keep_log(Channel& channel);
    void drop_logs(const std::vector<std::string>& ports);
    void watch_removed();
    void gone(const Channel& channel);
    void each_watcher(const std::function<void(PortWatcher&)>& call);
    std::vector<const std::string*> names_for(const access::Identity& identity) const;
    static const std::string* closest_name(std::string_view name, const std::vector<const std::string*>& names);
    void publish_stats();
    void wait_for_drain(std::chrono::steady_clock::time_point deadline);
    void close_all();
    void finish_shutdown();

    io::Loop& loop_;
    restart::Keeper* const keeper_;
    const SessionLimits session_limits_;
    std::uint32_t streams_ = 0;
    SessionBook sessions_;
    port::WorkerPool workers_;
    port::DeviceWatch device_watch_;
    port::ForeignReaders foreign_readers_;
    DeliveryHistogram delivery_;
    std::unique_ptr<ArchiveWriter> archive_;            ///< null: nothing is archived
    std::unique_ptr<port::WorkerPool> served_readers_;  ///< of archives that are served; null: there was none yet
    ArchiveErrors served_errors_;
    ServedArchives served_;  ///< opened for ports that are to be added
    std::map<std::string, std::unique_ptr<Channel>, std::less<>> channels_;
    std::vector<Leaving> leaving_;                      ///< stopped, waiting for their devices to close
    std::multimap<std::string, Channel*> not_started_;  ///< by device; a stopping channel still has it open
    std::vector<PortWatcher*> watchers_;                ///< null: removed during a notification
    int notifying_ = 0;                                 ///< depth of nested each_watcher() calls
    ChannelLimits limits_;
    std::chrono::milliseconds removed_ports_keep_{0};
    restart::RemovedLogs removed_;
    std::unique_ptr<boost::asio::steady_timer> removed_timer_;
    std::map<std::string, port::PortConfig>
        returning_;  ///< to be added when the previous port of that name has stopped
    access::AuthorityRef authority_ = std::make_shared<const access::Authority>();
    std::atomic<access::AuthorityRef> published_authority_{authority_};
    std::atomic<std::shared_ptr<const StatsList>> stats_;
    std::unique_ptr<boost::asio::steady_timer> drain_timer_;
    std::function<void()> drain_done_;
    std::function<void()> shutdown_done_;
    bool shutting_down_ = false;
};

}  // namespace vserd::hub
