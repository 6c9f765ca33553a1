#include <algorithm>
#include <stdexcept>

#include "harness/cases.hpp"
#include "harness/readers.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t reading = 7;
constexpr int pairs = 8;
constexpr double attach_seconds_max = 20;
constexpr double settle_seconds = 0.1;

struct Rate {
    double mb_s = 0;
    double cpu_ms_mb = 0;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Seven readers of one port, alone and beside one that has stopped reading. Both in turn on the same bridge and connections,
/// because two runs of the same differ by more than the reader that is looked for.
class StoppedCase : public Case {
public:
    std::vector<std::string> contenders() const override { return {"vserd"}; }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(1);
        const Bridge bridge(face_of(contender), lines, environment.programs);
        ReadPlan plan;
        plan.readers_per_line = reading;
        const auto readers = make_readers(bridge, plan);
        const SourceDevice device(
            lines[0], [&] { return readers->all_synced(); }, [&] { return readers->received_least(); });
        await([&] { return readers->received_least() > 0 || !readers->all_intact(); }, attach_seconds_max,
              contender + ": the readers got nothing\n" + bridge.log_tail());

        std::vector<double> alone;
        std::vector<double> rates;
        std::vector<double> costs;
        for (int pair = 0; pair < pairs; ++pair) {
            // Neither is always the first.
            const bool alone_first = pair % 2 == 0;
            Rate without = alone_first ? measure(bridge, *readers, environment) : Rate{};
            const Rate beside = measure_beside_stopped(bridge, *readers, environment);
            if (!alone_first) without = measure(bridge, *readers, environment);
            alone.push_back(without.mb_s);
            rates.push_back(beside.mb_s / without.mb_s);
            costs.push_back(beside.cpu_ms_mb / without.cpu_ms_mb);
        }
        if (!readers->all_intact()) throw LostBytes("bytes were lost or changed");
        return {{"alone_mb_s", median(alone)}, {"beside_alone", median(rates)}, {"cpu_beside_alone", median(costs)}};
    }

private:
    static Rate measure(const Bridge& bridge, const Readers& readers, const Environment& environment) {
        sleep_seconds(settle_seconds);
        const auto begin = Clock::now();
        const double cpu_before = bridge.cpu_seconds();
        const std::uint64_t bytes_before = readers.received_sum();
        sleep_seconds(environment.seconds / 4);
        const double megabytes = static_cast<double>(readers.received_sum() - bytes_before) * 1e-6;
        const double cpu_ms = (bridge.cpu_seconds() - cpu_before) * 1e3;
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        return {megabytes / seconds, cpu_ms / megabytes};
    }

    static Rate measure_beside_stopped(const Bridge& bridge, const Readers& readers, const Environment& environment) {
        ReadPlan plan;
        plan.stopped = 1;
        const auto stopped = make_readers(bridge, plan);
        await([&] { return stopped->all_synced(); }, attach_seconds_max, "the reader that is to stop got nothing");
        return measure(bridge, readers, environment);
    }
};

}  // namespace

std::unique_ptr<Case> stopped_case() { return std::make_unique<StoppedCase>(); }

}  // namespace vserd::bench
