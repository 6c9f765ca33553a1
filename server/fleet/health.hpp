#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "fleet/claims.hpp"
#include "fleet/counters.hpp"
#include "fleet/settings.hpp"
#include "roster/roster.hpp"

namespace vserd::fleet {

/// Which part of the work has a problem.
enum class Task : std::uint8_t { mirror, lease, names };

/// What people and faces learn about the fleet: the status in the roster, the metrics, and one line in the journal for each kind of
/// problem, however often it occurs until all is well again. Fleet thread.
class Health {
public:
    /// All outlive this.
    Health(const Settings& settings, roster::Roster& roster, Counters& counters);

    void failed(Task task, const Error& error);
    void works(Task task);
    /// The copy is up to date, or may be old.
    void set_fresh(bool fresh);
    /// The bridge's own key exists.
    void set_registered(bool registered);
    void set_names(const Claims& claims);
    /// Whether another bridge that lives has this one's id.
    void set_id_taken(bool taken) { counters_.id_taken = taken; }
    /// Said once while vserd runs.
    void warn_once(const std::string& kind, const std::string& message);

private:
    void publish();
    std::string problem() const;
    void report_conflicts(const std::vector<roster::Conflict>& now);

    const Settings& settings_;
    roster::Roster& roster_;
    Counters& counters_;
    std::array<std::string, 3> problems_;
    std::set<std::string> reported_;  ///< kinds of problems that are in the journal
    std::set<std::string> warned_;    ///< by warn_once()
    bool fresh_ = false;
    bool registered_ = false;
    bool announced_ = false;
    roster::Time since_ = std::chrono::system_clock::now();
    std::vector<roster::Conflict> conflicts_;
};

}  // namespace vserd::fleet
