#include "vserctl/fleet_watch.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "vser_client/cancellation.hpp"
#include "vserctl/commands.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

using Events = client::Stream<client::PortEvent>;

constexpr std::chrono::seconds look_interval{2};
constexpr std::size_t bridges_max = 256;  // each has a thread

}  // namespace

struct FleetWatch::Source {
    BridgeTarget target;
    client::Cancellation connecting{};
    bool closing = false;      ///< guarded by mutex_
    Events* events = nullptr;  ///< guarded by mutex_; for cancel()
    bool reported = false;     ///< its thread only; it does not answer, which was said
    std::thread thread{};
};

FleetWatch::FleetWatch(client::Fleet fleet, const WatchCommand& command, bool json)
    : fleet_(std::move(fleet)), command_(command), json_(json) {}

FleetWatch::~FleetWatch() { stop(sources_); }

int FleetWatch::run() {
    auto targets = bridge_targets(fleet_, command_.ports);
    if (!targets) return print_error(targets.error(), json_);
    if (targets->missing) return print_error(*targets->missing, json_);
    for (;;) {
        // A port on its way to another bridge is at none, and the fleet can be unreachable for a while: the old ones stay.
        if (targets && !targets->missing) change_to(targets->list);
        {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, look_interval, [this] { return output_error_.has_value(); });
            if (output_error_) throw OutputFailed(*output_error_);
        }
        targets = bridge_targets(fleet_, command_.ports);
    }
}

/// A bridge whose ports have changed begins again.
void FleetWatch::change_to(const std::vector<BridgeTarget>& targets) {
    const auto goes = [&](const auto& source) { return std::ranges::find(targets, source->target) == targets.end(); };
    std::vector<std::unique_ptr<Source>> ended;
    for (auto& source : sources_) {
        if (goes(source)) ended.push_back(std::move(source));
    }
    std::erase(sources_, nullptr);
    stop(ended);
    for (const auto& target : targets) {
        const auto is_it = [&](const auto& source) { return source->target == target; };
        if (std::ranges::none_of(sources_, is_it)) start(target);
    }
}

void FleetWatch::start(const BridgeTarget& target) {
    if (sources_.size() >= bridges_max) {
        if (!std::exchange(reported_many_, true))
            put_note(fmt::format("the fleet has more than {} bridges; the others are not watched", bridges_max));
        return;
    }
    auto& source = *sources_.emplace_back(std::make_unique<Source>());
    source.target = target;
    source.thread = std::thread([this, &source] { watch(source); });
}

void FleetWatch::stop(const std::vector<std::unique_ptr<Source>>& sources) {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& source : sources) {
            source->closing = true;
            source->connecting.cancel();
            if (source->events != nullptr) source->events->cancel();
        }
    }
    changed_.notify_all();
    for (const auto& source : sources) {
        if (source->thread.joinable()) source->thread.join();
    }
}

void FleetWatch::watch(Source& source) {
    const client::Cancellation::Scope scope(source.connecting);
    for (;;) {
        const auto error = follow(source);
        std::unique_lock lock(mutex_);
        if (source.closing) return;
        if (!std::exchange(source.reported, true)) {
            const auto why = error ? error->message : std::string("it ended the stream");
            put_note(fmt::format("bridge {} is not watched, and tried again: {}", printable(source.target.bridge),
                                 printable(why)));
        }
        if (changed_.wait_for(lock, look_interval, [&] { return source.closing; })) return;
    }
}

/// Shows the bridge's events until the stream ends. Returns why.
std::optional<client::Error> FleetWatch::follow(Source& source) {
    const auto bridge = fleet_.connect_to(source.target.address, source.target.tls);
    if (!bridge) return bridge.error();
    Events events = bridge->watch(source.target.ports);
    {
        const std::lock_guard lock(mutex_);
        if (source.closing) return std::nullopt;
        source.events = &events;
    }
    while (const auto event = events.next()) {
        source.reported = false;
        show(source, *event);
    }
    const std::lock_guard lock(mutex_);
    source.events = nullptr;
    return events.error();
}

void FleetWatch::show(const Source& source, const client::PortEvent& event) {
    const auto& bridge = source.target.bridge;
    const auto line =
        json_ ? to_json(event).field("bridge", bridge).text() + "\n" : watch_line(event, printable(bridge));
    const std::lock_guard lock(mutex_);
    if (output_error_) return;
    if (const int error = write_all(STDOUT_FILENO, line); error != 0) {
        output_error_ = error;
        changed_.notify_all();
    }
}

}  // namespace vserctl
