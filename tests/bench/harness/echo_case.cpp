#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

#include "harness/cases.hpp"
#include "harness/session.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t warm_up_trips = 200;
constexpr double load_seconds_max = 20;
constexpr std::size_t trips_max = 1'000'000;
/// Above are bytes after which conserver waits for another, because a command may follow.
constexpr std::size_t values = 251;

double round_trip_us(Session& session, std::byte value) {
    const std::array<std::byte, 1> sent{value};
    std::array<std::byte, 1> got{};
    const auto begin = Clock::now();
    session.write(sent);
    if (session.read(got) != 1 || got != sent) throw LostBytes("the echo of a byte did not come back");
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// One process that computes for each CPU.
std::unique_ptr<Process> make_load(const Environment& environment) {
    if (!is_installed("stress-ng")) throw Cannot("there is no load: apt-get install stress-ng");
    const std::string cpus = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
    auto load = std::make_unique<Process>(std::vector<std::string>{"stress-ng", "--quiet", "--cpu", cpus},
                                          environment.programs.folder + "/stress-ng.log");
    await([&] { return load->cpu_seconds() > 0.2 || !load->running(); }, load_seconds_max, "stress-ng does nothing");
    if (!load->running()) throw std::runtime_error("stress-ng ended:\n" + load->log_tail());
    return load;
}

/// One byte there and back, one at a time.
class EchoCase : public Case {
public:
    explicit EchoCase(Pace pace) : pace_(pace) {}

    std::vector<std::string> contenders() const override {
        if (pace_ != Pace::at_once)
            return {"ser2net-tuned", "conserver", "socat", "vserd", "vserd-library", "vserd-raw"};
        return {"direct", "ser2net",       "ser2net-tuned", "conserver", "socat",
                "vserd",  "vserd-library", "vserd-raw",     "vserd-tls", "vserd-rules"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(1);
        std::unique_ptr<Bridge> bridge;
        std::unique_ptr<Session> session;
        if (contender == "direct") {
            session = direct_session(lines[0]);
        } else {
            bridge = std::make_unique<Bridge>(face_of(contender), lines, environment.programs);
            session = open_session(contender, *bridge);
        }
        const EchoDevice device(lines[0]);
        warm_up(*session);
        const std::unique_ptr<Process> load = pace_ == Pace::beside_load ? make_load(environment) : nullptr;
        std::vector<double> trips = round_trips(*session, environment.seconds);
        std::sort(trips.begin(), trips.end());
        return {{"p50_us", trips[trips.size() / 2]},
                {"p99_us", trips[trips.size() * 99 / 100]},
                {"trips_s", static_cast<double>(trips.size()) / environment.seconds}};
    }

private:
    /// The default face takes 3 ms for each: warm up by time as well.
    static void warm_up(Session& session) {
        const auto end = Clock::now() + std::chrono::milliseconds{200};
        for (std::size_t i = 0; i < warm_up_trips && Clock::now() < end; ++i) round_trip_us(session, std::byte{1});
    }

    std::vector<double> round_trips(Session& session, double seconds) const {
        std::vector<double> trips;
        auto next = Clock::now();
        const auto end = next + std::chrono::duration<double>(seconds);
        while (trips.size() < trips_max && (trips.empty() || Clock::now() < end)) {
            if (pace_ == Pace::each_millisecond) std::this_thread::sleep_until(next += std::chrono::milliseconds{1});
            trips.push_back(round_trip_us(session, static_cast<std::byte>(trips.size() % values)));
        }
        return trips;
    }

    Pace pace_;
};

}  // namespace

std::unique_ptr<Case> echo_case(Pace pace) { return std::make_unique<EchoCase>(pace); }

}  // namespace vserd::bench
