#include "hub/hub.hpp"

#include <fmt/core.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <set>
#include <utility>

namespace vserd::hub {
namespace {

constexpr const char* stopped = "vserd was stopped; what the device sends meanwhile is lost";
constexpr const char* closed_by_reload = "a reload closed the port; what the device sends meanwhile is lost";

constexpr std::chrono::milliseconds drain_poll_interval{5};

}  // namespace

Hub::Hub(io::Loop& loop, restart::Keeper* keeper, SessionLimits limits)
    : loop_(loop),
      keeper_(keeper),
      session_limits_(limits),
      workers_(loop),
      device_watch_(loop),
      foreign_readers_(loop, workers_),
      stats_(std::make_shared<const StatsList>()) {}

Hub::~Hub() = default;

log::LogIdentity Hub::identity_of(const port::PortConfig& config) const {
    return {config.name, config.device, limits_.history_bytes};
}

const Hub::Leaving* Hub::leaving_with_log(const std::string& name) const noexcept {
    const auto leaving =
        std::ranges::find_if(leaving_, [&](const Leaving& each) { return each.keep && each.channel->name() == name; });
    return leaving == leaving_.end() ? nullptr : &*leaving;
}

/// Whether the next port of that name has to wait for this one's log, or for its last bytes in the archive.
bool Hub::is_leaving(const std::string& name) const noexcept {
    return std::ranges::any_of(
        leaving_, [&](const Leaving& each) { return (each.keep || archive_) && each.channel->name() == name; });
}

/// The key of a device, to compare channels, channels that are stopping, and removed ports.
bool Hub::has_log_for(const port::PortConfig& config) const {
    const auto channel = channels_.find(config.name);
    if (channel != channels_.end()) return channel->second->port().config().device == config.device;
    const Leaving* leaving = leaving_with_log(config.name);
    if (leaving != nullptr) return leaving->channel->port().config().device == config.device;
    return removed_.has(identity_of(config));
}

Hub::DiskWork Hub::disk_work(const HubConfig& config) {
    auto logs = log_work(config);
    auto archives = archive_work(config);
    auto served = served_work(config);
    if (!logs && !archives && !served) return nullptr;
    return [logs = std::move(logs), archives = std::move(archives), served = std::move(served)] {
        Prepared prepared;
        if (logs) logs(prepared);
        if (archives) prepared.archives = archives();
        if (served) prepared.served = served();
        return prepared;
    };
}

/// Opens or creates the logs of new ports in the state directory.
std::function<void(Hub::Prepared&)> Hub::log_work(const HubConfig& config) {
    const bool limits_changed = !(limits_ == config.limits);
    std::vector<std::function<restart::FiledLog()>> openers;
    std::vector<std::string> names;
    std::vector<std::string> files;
    for (const port::PortConfig& port : config.ports) {
        if (is_served(port) || (!limits_changed && has_log_for(port))) continue;
        auto opener =
            keeper_ != nullptr ? keeper_->file_opener({port.name, port.device, config.limits.history_bytes}) : nullptr;
        if (!opener) return nullptr;
        names.push_back(port.name);
        openers.push_back(std::move(opener));
        files.push_back(keeper_->release_file(port.name));
    }
    if (removed_timer_) removed_timer_->cancel();  // a log that is about to be resumed must not expire meanwhile
    if (names.empty()) return nullptr;
    return [names = std::move(names), openers = std::move(openers), files = std::move(files)](Prepared& prepared) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!files[i].empty()) ::unlink(files[i].c_str());
            prepared.logs.insert_or_assign(names[i], openers[i]());
        }
    };
}

void Hub::apply(const HubConfig& config, Prepared&& prepared) {
    const bool limits_changed = !(limits_ == config.limits);
    limits_ = config.limits;
    removed_ports_keep_ = config.removed_ports_keep;
    returning_.clear();
    for (auto& [port, log] : prepared.logs) keeper_->hand_over(port, std::move(log));
    if (archive_) archive_->take(std::move(prepared.archives));
    served_ = std::move(prepared.served);
    std::map<std::string_view, const port::PortConfig*> wanted;
    for (const port::PortConfig& port : config.ports) wanted.emplace(port.name, &port);
    std::map<std::string, bool> others;  // value: whether the log is kept
    for (const auto& [name, channel] : channels_) {
        const auto stays = wanted.find(name);
        const bool same = stays != wanted.end() && stays->second->device == channel->port().config().device;
        if (limits_changed || !same)
            others.emplace(
                name, stays == wanted.end() && removed_ports_keep_.count() > 0 && !is_served(channel->port().config()));
    }
    std::set<std::string> closed_terminals;  // a replaced port passes this on
    for (const auto& [name, keep] : others) {
        const auto stays = wanted.find(name);
        const port::Port& port = find(name)->port();
        if (port.terminal_closed() && stays != wanted.end() && stays->second->device == port.config().device)
            closed_terminals.insert(name);
        remove(name, keep);
    }

    for (const port::PortConfig& port : config.ports) {
        Channel* const channel = find(port.name);
        if (channel == nullptr) {
            if (!is_leaving(port.name)) {
                add(port, closed_terminals.contains(port.name));
            } else {
                returning_.insert_or_assign(port.name, port);
            }
        } else if (channel->port().config() != port) {
            channel->reconfigure(port, [this, channel](const Error& error) {
                each_watcher([&](PortWatcher& watcher) { watcher.on_port_refused(*channel, error); });
            });
            each_watcher([&](PortWatcher& watcher) { watcher.on_port_changed(*channel); });
        }
    }
    if (keeper_ != nullptr && returning_.empty()) keeper_->drop_prepared();
    if (archive_) {
        archive_->keep_trying([&](const std::string& port) {
            const auto found = wanted.find(port);
            return found != wanted.end() && !is_served(*found->second);
        });
    }
    std::erase_if(served_, [this](const auto& entry) { return !returning_.contains(entry.first); });
    watch_removed();
    publish_stats();
}

/// The log of a port that a reload removed; otherwise that of the previous process.
restart::KeptPort Hub::kept_for(const port::PortConfig& config) {
    restart::KeptPort kept;
    kept.store = removed_.take(identity_of(config));
    kept.resumed = static_cast<bool>(kept.store);
    if (kept.store) return kept;
    if (removed_.drop(config.name)) drop_logs({config.name});
    return keeper_ != nullptr ? keeper_->open(config, limits_.history_bytes) : restart::KeptPort{};
}

std::unique_ptr<Channel> Hub::make_channel(const port::PortConfig& config, restart::Keeper* keeper,
                                           restart::KeptPort kept) {
    auto hook = [this](Channel& channel, const log::EventItem& event) {
        each_watcher([&](PortWatcher& watcher) { watcher.on_port_event(channel, event); });
    };
    return std::make_unique<Channel>(port::PortEnvironment{loop_, workers_, device_watch_, &foreign_readers_}, config,
                                     limits_, hook, keeper, std::move(kept));
}

Channel& Hub::introduce(std::unique_ptr<Channel> channel) {
    Channel& added = *channel;
    added.set_book(sessions_);
    added.on_log_cut([this, &added] { each_watcher([&](PortWatcher& watcher) { watcher.on_port_log_cut(added); }); });
    channels_.emplace(added.name(), std::move(channel));
    each_watcher([&](PortWatcher& watcher) { watcher.on_port_added(added); });
    return added;
}

void Hub::add(const port::PortConfig& config, bool terminal_closed) {
    if (is_served(config)) return add_served(config);
    restart::KeptPort kept = kept_for(config);
    auto recording = join_archive(config.name, kept);
    auto channel = make_channel(config, keeper_, std::move(kept));
    if (recording) channel->archive_to(*archive_, std::move(recording));
    Channel& added = introduce(std::move(channel));
    if (terminal_closed) added.note_terminal_closed();
    start(added);
}

/// A device may have several names.
std::string Hub::device_key(const Channel& channel) {
    const std::string& device = channel.port().config().device;
    struct stat node {};
    if (::stat(device.c_str(), &node) != 0 || !S_ISCHR(node.st_mode)) return device;
    return fmt::format("{}:{}", major(node.st_rdev), minor(node.st_rdev));
}

void Hub::start(Channel& channel) {
    const std::string device = leaving_.empty() ? std::string{} : device_key(channel);
    const bool held = std::ranges::any_of(leaving_, [&](const Leaving& leaving) { return leaving.device == device; });
    if (!held) return channel.start();
    not_started_.emplace(device, &channel);
}

void Hub::remove(const std::string& name, bool keep) {
    auto node = channels_.extract(name);
    Channel& channel = *node.mapped();
    const std::string device = device_key(channel);
    leaving_.push_back({std::move(node.mapped()), device, keep});
    each_watcher([&](PortWatcher& watcher) { watcher.on_port_removed(channel); });
    std::erase_if(not_started_, [&](const auto& entry) { return entry.second == &channel; });
    if (keep) {
        channel.interrupt("the port was removed from the configuration");
        if (keeper_ != nullptr) keeper_->device_lost(name);
    } else {
        if (channel.goes_on_in_archive(shutting_down_)) channel.interrupt(shutting_down_ ? stopped : closed_by_reload);
        if (!shutting_down_) drop_logs({name});
    }
    // Posted, because a channel must not be destroyed inside its own call.
    channel.stop(shutting_down_, [this, &channel] { loop_.post([this, &channel] { gone(channel); }); });
}

void Hub::gone(const Channel& channel) {
    const auto here =
        std::ranges::find_if(leaving_, [&](const Leaving& each) { return each.channel.get() == &channel; });
    const std::string device = here->device;
    const std::string name = channel.name();
    if (here->keep && !shutting_down_) keep_log(*here->channel);
    leaving_.erase(here);
    std::vector<Channel*> waited;
    const auto [first, last] = not_started_.equal_range(device);
    for (auto entry = first; entry != last; ++entry) waited.push_back(entry->second);
    not_started_.erase(first, last);
    for (Channel* next : waited) start(*next);
    if (auto returning = returning_.extract(name); !returning.empty() && !shutting_down_) {
        add(returning.mapped(), false);
        publish_stats();
    }
    if (shutting_down_ && leaving_.empty()) finish_shutdown();
}

std::chrono::milliseconds Hub::keeps_log_of(const Channel& channel) const noexcept {
    const Leaving* leaving = leaving_with_log(channel.name());
    return leaving != nullptr && leaving->channel.get() == &channel ? removed_ports_keep_
                                                                    : std::chrono::milliseconds{0};
}

void Hub::keep_log(Channel& channel) {
    const port::PortConfig& config = channel.port().config();
    const log::LogIdentity identity{config.name, config.device, channel.log().capacity_bytes()};
    drop_logs(removed_.add(identity, channel.store(), std::chrono::steady_clock::now() + removed_ports_keep_));
    watch_removed();
}

void Hub::drop_logs(const std::vector<std::string>& ports) {
    if (keeper_ == nullptr) return;
    for (const std::string& port : ports) keeper_->drop(port);
}

void Hub::watch_removed() {
    const auto end = removed_.next_end();
    if (!end || shutting_down_) return;
    if (!removed_timer_) removed_timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
    removed_timer_->expires_at(*end);
    removed_timer_->async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        drop_logs(removed_.expire(std::chrono::steady_clock::now()));
        watch_removed();
    });
}

Channel* Hub::find(std::string_view name) noexcept {
    const auto found = channels_.find(name);
    return found == channels_.end() ? nullptr : found->second.get();
}

void Hub::set_authority(access::AuthorityRef authority) {
    authority_ = std::move(authority);
    published_authority_.store(authority_);
    review_rights();
}

void Hub::review_rights() {
    for (const auto& [name, channel] : channels_) channel->apply(authority_->policy);
    each_watcher([](PortWatcher& watcher) { watcher.on_rights_changed(); });
}

std::optional<std::chrono::sys_seconds> Hub::next_expiry(std::chrono::sys_seconds after) const {
    auto next = authority_->policy.next_expiry(after);
    for (const auto& [name, channel] : channels_) access::take_earlier(next, channel->next_expiry(after), after);
    for (const PortWatcher* watcher : watchers_) {
        if (watcher != nullptr) access::take_earlier(next, watcher->next_expiry(after), after);
    }
    return next;
}

Result<StreamSlot> Hub::open_stream() {
    if (streams_ >= session_limits_.streams_max) {
        return Error{
            Failure::exhausted, 0, "streams_max",
            fmt::format("the server has {} byte streams open, which is the limit ([server] streams_max); close some",
                        streams_)};
    }
    ++streams_;
    return StreamSlot(&streams_);
}

void Hub::each_watcher(const std::function<void(PortWatcher&)>& call) {
    ++notifying_;
    const std::size_t count = watchers_.size();  // a watcher that is added during a call sees the current state itself
    for (std::size_t i = 0; i < count; ++i) {
        if (watchers_[i] != nullptr) call(*watchers_[i]);
    }
    if (--notifying_ == 0) std::erase(watchers_, nullptr);
}

void Hub::add_watcher(PortWatcher& watcher) { watchers_.push_back(&watcher); }

void Hub::remove_watcher(PortWatcher& watcher) noexcept {
    if (notifying_ == 0) {
        std::erase(watchers_, &watcher);
    } else {
        std::ranges::replace(watchers_, &watcher, nullptr);  // each_watcher() erases it
    }
}

void Hub::publish_stats() {
    auto list = std::make_shared<StatsList>();
    for (const auto& [name, channel] : channels_) list->push_back(channel->port().stats());
    stats_.store(std::move(list));
}

std::shared_ptr<const StatsList> Hub::stats() const { return stats_.load(); }

void Hub::shut_down(std::chrono::milliseconds drain_limit, std::function<void()> done) {
    shutdown_done_ = std::move(done);
    drain(drain_limit, [this] { close_all(); });
}

void Hub::drain(std::chrono::milliseconds drain_limit, std::function<void()> done) {
    drain_done_ = std::move(done);
    shutting_down_ = true;
    for (const auto& [name, channel] : channels_) channel->refuse_writes();
    drain_timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
    wait_for_drain(std::chrono::steady_clock::now() + drain_limit);
}

void Hub::wait_for_drain(std::chrono::steady_clock::time_point deadline) {
    const bool busy = std::any_of(channels_.begin(), channels_.end(), [](const auto& entry) {
        const port::Port& port = entry.second->port();
        return port.state() == port::PortState::online && port.tx_queue_bytes() > 0;
    });
    if (busy && std::chrono::steady_clock::now() < deadline) {
        drain_timer_->expires_after(drain_poll_interval);
        drain_timer_->async_wait([this, deadline](const boost::system::error_code& error) {
            if (!error) wait_for_drain(deadline);
        });
        return;
    }
    std::exchange(drain_done_, nullptr)();
}

void Hub::close_all() {
    removed_timer_.reset();
    removed_.clear();
    returning_.clear();
    std::vector<std::string> names;
    for (const auto& [name, channel] : channels_) names.push_back(name);
    for (const std::string& name : names) remove(name, /*keep=*/false);
    if (leaving_.empty()) loop_.post([this] { finish_shutdown(); });
}

void Hub::finish_shutdown() {
    auto done = std::exchange(shutdown_done_, nullptr);
    if (!done) return;
    archive_ ? archive_->release_reserved(std::move(done)) : done();
}

}  // namespace vserd::hub
