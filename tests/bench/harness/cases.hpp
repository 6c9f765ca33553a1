#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/bridge.hpp"

namespace vserd::bench {

/// What one run of one case gave, by metric ("mb_s", "p50_us", ...).
using Sample = std::map<std::string, double>;

/// How long to measure and with what.
struct Environment {
    BridgePrograms programs;
    double seconds = 1.0;
};

/// A bridge that lost or changed bytes: its figures say nothing.
struct LostBytes : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// A contender that is not made for a case, or is not installed.
struct Cannot : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One kind of measurement with one bridge and client. `contender` is one of contenders().
class Case {
public:
    virtual ~Case() = default;
    /// In the order in which a round runs them.
    virtual std::vector<std::string> contenders() const = 0;
    /// Throws LostBytes or Cannot, or anything else when nothing came through.
    virtual Sample run(const std::string& contender, const Environment& environment) = 0;
};

/// In the order in which they run.
std::vector<std::string> case_names();
/// Null for a name that is not one of case_names().
std::unique_ptr<Case> make_case(const std::string& name);

/// When an echo begins: as soon as the last has ended; once a millisecond, so that everybody sleeps meanwhile; or as the first,
/// but all CPUs have other work.
enum class Pace { at_once, each_millisecond, beside_load };

std::unique_ptr<Case> echo_case(Pace pace);
std::unique_ptr<Case> read_case(std::size_t readers);
std::unique_ptr<Case> stopped_case();
std::unique_ptr<Case> web_case(std::size_t readers);
std::unique_ptr<Case> write_case(std::size_t write_bytes);
std::unique_ptr<Case> ports_case(std::size_t ports);
std::unique_ptr<Case> idle_case();
std::unique_ptr<Case> lines_case();
std::unique_ptr<Case> start_case(std::size_t ports);

/// "ser2net", "ser2net-tuned", "conserver", "socat", "vserd-raw" (raw TCP), "vserd-web" (WebSockets), anything else that begins with "vserd" (gRPC).
Face face_of(const std::string& contender);

/// Waits until `condition`, at most `seconds`; throws with `what` then.
void await(const std::function<bool()>& condition, double seconds, const std::string& what);
void sleep_seconds(double seconds);

}  // namespace vserd::bench
