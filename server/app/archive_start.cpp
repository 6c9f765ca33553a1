#include "app/archive_start.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "base/thread.hpp"

namespace vserd {
namespace {

archive::Settings archive_settings(const config::ArchiveEntry& entry) {
    archive::Settings settings;
    settings.directory = entry.directory;
    settings.keep = {std::chrono::hours{24} * entry.keep_days, entry.keep_bytes};
    settings.keep_free = {entry.keep_free_bytes, entry.keep_free_percent};
    settings.segment_bytes = entry.segment_bytes;
    settings.sync = entry.sync;
    return settings;
}

constexpr std::chrono::seconds open_limit{10};

std::vector<std::string> names_of(const hub::HubConfig& config) {
    std::vector<std::string> names;
    for (const port::PortConfig& port : config.ports)
        if (!hub::is_served(port)) names.push_back(port.name);
    return names;
}

/// The thread is left alone with a disk that hangs.
template <typename Found>
Result<Found> within(std::chrono::seconds limit, std::function<Found()> work) {
    auto task = std::make_shared<std::packaged_task<Found()>>(std::move(work));
    auto found = task->get_future();
    auto thread = base::start_thread([task] { (*task)(); });
    if (!thread) return thread.error();
    thread->detach();
    if (found.wait_for(limit) == std::future_status::ready) return found.get();
    return Error{Failure::io, 0, "archive", "the disk has not answered for 10 s"};
}

}  // namespace

Result<archive::Opening> begin_archive(const config::Config& config, const hub::HubConfig& ports, hub::Hub& hub) {
    if (!config.archive) return archive::Opening{};
    hub.archive_to(archive_settings(*config.archive));
    auto work = hub.archive_work(ports);
    if (!work) return archive::Opening{};
    auto opening = within(open_limit, std::move(work));
    if (!opening) return archive::opened_none(names_of(ports), opening.error());
    const Result<void>& directory = opening->directory;
    if (!directory && directory.error().failure == Failure::refused) return directory.error();
    return opening;
}

hub::Hub::ServedArchives begin_served(const hub::HubConfig& ports) {
    auto work = hub::Hub::served_work(ports);
    if (!work) return {};
    auto served = within(open_limit, std::move(work));
    if (served) return *std::move(served);
    hub::Hub::ServedArchives none;
    for (const port::PortConfig& port : ports.ports)
        if (hub::is_served(port)) none.emplace(port.name, served.error());
    return none;
}

}  // namespace vserd
