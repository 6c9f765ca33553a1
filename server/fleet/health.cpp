#include "fleet/health.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace vserd::fleet {
namespace {

/// Lines about conflicts at a time.
constexpr std::size_t conflicts_listed_max = 8;

}  // namespace

Health::Health(const Settings& settings, roster::Roster& roster, Counters& counters)
    : settings_(settings), roster_(roster), counters_(counters) {
    publish();
}

void Health::failed(Task task, const Error& error) {
    problems_.at(static_cast<std::size_t>(task)) = error.message;
    if (reported_.insert(error.subject).second) settings_.warn(fmt::format("fleet: {}", error.message));
    publish();
}

void Health::works(Task task) {
    std::string& problem = problems_.at(static_cast<std::size_t>(task));
    if (problem.empty()) return;
    problem.clear();
    if (this->problem().empty() && !std::exchange(reported_, {}).empty())
        settings_.inform("fleet: the problems are over");
    publish();
}

void Health::set_fresh(bool fresh) {
    if (std::exchange(fresh_, fresh) == fresh) return;
    since_ = std::chrono::system_clock::now();
    publish();
}

void Health::set_registered(bool registered) {
    if (std::exchange(registered_, registered) == registered) return;
    announced_ = announced_ && registered;
    publish();
}

void Health::set_names(const Claims& claims) {
    const Claims::Counts counts = claims.counts();
    counters_.owned = counts.owned;
    counters_.conflict = counts.conflict;
    counters_.pending = counts.pending;
    if (registered_ && counts.pending == 0 && !std::exchange(announced_, true))
        settings_.inform(fmt::format("fleet: registered as {} with {} ports below {}", settings_.bridge, counts.owned,
                                     settings_.prefix));
    auto now = claims.conflicts();
    if (now == conflicts_) return;
    report_conflicts(now);
    conflicts_ = std::move(now);
    publish();
}

void Health::report_conflicts(const std::vector<roster::Conflict>& now) {
    std::size_t lines = 0;
    std::size_t more = 0;
    for (const roster::Conflict& each : now) {
        if (std::ranges::find(conflicts_, each) != conflicts_.end()) continue;
        if (++lines > conflicts_listed_max) {
            ++more;
            continue;
        }
        settings_.warn(
            fmt::format("fleet: the port {} belongs to the bridge {} in the fleet, so others are not sent here for it; "
                        "it is served "
                        "to clients of this bridge, and taken over when the other gives it up",
                        each.port, each.owner));
    }
    if (more > 0) settings_.warn(fmt::format("fleet: {} more ports belong to other bridges", more));
}

void Health::warn_once(const std::string& kind, const std::string& message) {
    if (warned_.insert(kind).second) settings_.warn("fleet: " + message);
}

std::string Health::problem() const {
    const auto first = std::ranges::find_if(problems_, [](const std::string& each) { return !each.empty(); });
    return first == problems_.end() ? std::string() : *first;
}

void Health::publish() {
    counters_.up = fresh_ && registered_;
    roster::Status status = roster_.status();
    status.bridge = settings_.bridge;
    status.stale = !fresh_;
    status.since = since_;
    status.problem = problem();
    status.conflicts = conflicts_;
    roster_.set_status(std::move(status));
}

}  // namespace vserd::fleet
