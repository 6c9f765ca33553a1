#include "harness/cases.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t ports = 1000;
constexpr double settle_seconds = 1.0;

/// Ports that nobody uses: what watching their modem lines and settings costs.
class IdleCase : public Case {
public:
    /// A pseudo terminal has no modem lines; the simulated devices of "vserd" have them all.
    std::vector<std::string> contenders() const override {
        return {"vserd", "vserd-terminals", "ser2net-tuned", "conserver", "socat"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = contender == "vserd" ? simulated_lines() : open_lines(ports);
        const Bridge bridge(face_of(contender), lines, environment.programs);
        sleep_seconds(settle_seconds);

        const double cpu_before = bridge.cpu_seconds();
        const auto begin = Clock::now();
        sleep_seconds(3 * environment.seconds);
        const double cpu = bridge.cpu_seconds() - cpu_before;
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        return {{"idle_percent", 100 * cpu / seconds},
                {"resident_mb", static_cast<double>(bridge.resident_bytes()) * 1e-6}};
    }

private:
    static std::vector<Line> simulated_lines() {
        std::vector<Line> lines(ports);
        for (Line& line : lines) line.path = "sim:echo";
        return lines;
    }
};

}  // namespace

std::unique_ptr<Case> idle_case() { return std::make_unique<IdleCase>(); }

}  // namespace vserd::bench
