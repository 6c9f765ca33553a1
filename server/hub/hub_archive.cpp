#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "hub/hub.hpp"

namespace vserd::hub {

void Hub::archive_to(archive::Settings settings) {
    ArchiveWriter::Hooks hooks;
    hooks.state_changed = [this](const std::string& port, const Result<void>& state) {
        each_watcher([&](PortWatcher& watcher) { watcher.on_archive_state(port, state); });
    };
    hooks.kept_up = [this](const archive::UpkeepReport& report) { store_kept(report); };
    hooks.opened_late = [this](const std::string& port, const std::shared_ptr<archive::Recording>& recording) {
        join_archive_late(port, recording);
    };
    archive_ = std::make_unique<ArchiveWriter>(loop_, std::move(settings), std::move(hooks));
}

/// For the metrics.
void Hub::store_kept(const archive::UpkeepReport& report) {
    for (const auto& [port, kept] : report.ports) {
        Channel* const channel = find(port);
        if (channel == nullptr || !channel->is_archived()) continue;
        channel->note_archive_begin(kept.oldest_offset);
        port::PortStats& stats = *channel->port().stats();
        const auto oldest = kept.oldest.value_or(log::WallTime{}).time_since_epoch();
        stats.archive_bytes.store(kept.bytes, std::memory_order_relaxed);
        stats.archive_oldest_s.store(std::chrono::duration_cast<std::chrono::seconds>(oldest).count(),
                                     std::memory_order_relaxed);
    }
}

std::shared_ptr<const ArchiveErrors> Hub::archive_errors() const {
    return archive_ ? archive_->shared_errors() : nullptr;
}

/// Opens the archives of new ports.
std::function<archive::Opening()> Hub::archive_work(const HubConfig& config) const {
    if (!archive_) return nullptr;
    std::vector<std::string> names;
    for (const port::PortConfig& port : config.ports)
        if (!is_served(port) && !archive_->has(port.name)) names.push_back(port.name);
    if (names.empty() && archive_->has_lock()) return nullptr;
    return [names = std::move(names), settings = archive_->settings(), locked = archive_->has_lock()] {
        return archive::open_recordings(settings, names, locked);
    };
}

std::function<Hub::ServedArchives()> Hub::served_work(const HubConfig& config) {
    std::map<std::string, std::string> paths;
    for (const port::PortConfig& port : config.ports)
        if (is_served(port)) paths.emplace(port.name, served_path(port));
    if (paths.empty()) return nullptr;
    return [paths = std::move(paths)] {
        ServedArchives served;
        for (const auto& [name, path] : paths) served.emplace(name, archive::open_served(path));
        return served;
    };
}

/// A port without a device, whose log has ended where the archive does.
void Hub::add_served(const port::PortConfig& config) {
    auto prepared = served_.extract(config.name);
    auto served = prepared.empty() ? archive::open_served(served_path(config)) : std::move(prepared.mapped());
    restart::KeptPort kept;
    kept.store = log::LogStore::in_memory(limits_.history_bytes);
    if (served) kept.store->restart_as(served->log_id, served->end.offset, served->end.event);
    auto channel = make_channel(config, nullptr, std::move(kept));
    if (!served_readers_)
        served_readers_ =
            std::make_unique<port::WorkerPool>(loop_, port::WorkerLimits{.threads_max = 2, .slow_max = 8});
    served ? channel->serve(std::move(*served), *served_readers_, served_errors_)
           : channel->serve_nothing(served.error());
    start(introduce(std::move(channel)));
}

/// Makes the log in memory go on where the archive's does, if that is another one.
std::shared_ptr<archive::Recording> Hub::join_archive(const std::string& port, restart::KeptPort& kept) {
    auto recording = archive_ ? archive_->recording(port) : nullptr;
    if (!recording) return nullptr;
    if (!kept.store) kept.store = log::LogStore::in_memory(limits_.history_bytes);
    const archive::Beginning begin = recording->begin(kept.store->id(), kept.store->found_head(), kept.resumed);
    if (begin.is_in_memory) {
        if (kept.resumed) kept.store->expect_events(recording->next().event);
    } else {
        kept.store->restart_as(begin.log_id, begin.at.offset, begin.at.event);
    }
    return recording;
}

/// The console is served already, so its log cannot begin anew.
void Hub::join_archive_late(const std::string& port, const std::shared_ptr<archive::Recording>& recording) {
    Channel* const channel = find(port);
    if (channel == nullptr || channel->is_archived() || channel->is_served()) return;
    Result<void> joined;
    if (recording->next().event > channel->log().next_event() || recording->sent_next() > channel->port().tx_offset() ||
        !recording->begin(channel->log().id(), channel->log().next_offset(), true).is_in_memory) {
        joined =
            Error{Failure::io, 0, "archive",
                  "it can be written now, but holds an earlier log of the port; restart vserd to go on with that one"};
    } else {
        channel->archive_to(*archive_, recording);
        channel->tell_recording();
    }
    each_watcher([&](PortWatcher& watcher) { watcher.on_archive_state(port, joined); });
}

}  // namespace vserd::hub
