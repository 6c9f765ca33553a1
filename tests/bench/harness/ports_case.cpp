#include <algorithm>
#include <stdexcept>

#include "harness/cases.hpp"
#include "harness/readers.hpp"

namespace vserd::bench {
namespace {

constexpr double attach_seconds_max = 30;
constexpr double settle_seconds = 0.3;
constexpr double drain_seconds_max = 5;

/// Many lines of 115200 baud, all read: what a byte costs, and whether all of them arrive.
class PortsCase : public Case {
public:
    explicit PortsCase(std::size_t ports) : ports_(ports) {}

    std::vector<std::string> contenders() const override {
        return {"ser2net-tuned", "conserver", "socat", "vserd", "vserd-collect", "vserd-raw", "vserd-archive"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(ports_);
        const Bridge bridge(face_of(contender), lines, environment.programs);
        ReadPlan plan;
        plan.lines = ports_;
        plan.one_connection = true;
        plan.collect = contender == "vserd-collect";
        const auto readers = make_readers(bridge, plan);
        TrickleDevices devices(lines);
        await([&] { return readers->all_synced(); }, attach_seconds_max,
              contender + ": not all readers got something\n" + bridge.log_tail());
        devices.start_pattern();
        sleep_seconds(settle_seconds);

        const double cpu_before = bridge.cpu_seconds();
        const std::uint64_t bytes_before = readers->received_sum();
        sleep_seconds(2 * environment.seconds);
        const double cpu_us = (bridge.cpu_seconds() - cpu_before) * 1e6;
        const auto bytes = static_cast<double>(readers->received_sum() - bytes_before);
        const auto resident = static_cast<double>(bridge.resident_bytes());
        const auto history = static_cast<double>(readers->received_sum());

        const double delivered = finish(devices, *readers);
        if (!readers->all_intact()) throw LostBytes("bytes were lost or changed");
        const double less_history = is_vserd(bridge.face()) ? std::max(resident - history, 0.0) : resident;
        return {{"cpu_us_kb", cpu_us / bytes * 1e3},
                {"kb_s", bytes / 2e3 / environment.seconds},
                {"delivered", delivered},
                {"resident_mb", resident * 1e-6},
                {"resident_less_history_mb", less_history * 1e-6},
                {"port_kb", less_history * 1e-3 / static_cast<double>(ports_)}};
    }

private:
    /// What arrived of all that was offered, once the line is quiet.
    double finish(TrickleDevices& devices, const Readers& readers) const {
        devices.stop();
        const auto deadline = Clock::now() + std::chrono::duration<double>(drain_seconds_max);
        std::uint64_t before = 0;
        do {
            before = readers.received_sum();
            sleep_seconds(0.2);
        } while (readers.received_sum() != before && Clock::now() < deadline);
        return static_cast<double>(readers.received_sum()) /
               static_cast<double>(devices.offered_per_port() * static_cast<std::uint64_t>(ports_));
    }

    std::size_t ports_;
};

/// From exec to serving.
class StartCase : public Case {
public:
    explicit StartCase(std::size_t ports) : ports_(ports) {}

    std::vector<std::string> contenders() const override { return {"ser2net-tuned", "conserver", "socat", "vserd"}; }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(ports_);
        const Bridge bridge(face_of(contender), lines, environment.programs);
        Sample sample{{"serving_ms", bridge.seconds_to_serving() * 1e3}};
        if (is_vserd(bridge.face())) sample["all_online_ms"] = bridge.seconds_to_all_online() * 1e3;
        return sample;
    }

private:
    std::size_t ports_;
};

}  // namespace

std::unique_ptr<Case> ports_case(std::size_t ports) { return std::make_unique<PortsCase>(ports); }

std::unique_ptr<Case> start_case(std::size_t ports) { return std::make_unique<StartCase>(ports); }

}  // namespace vserd::bench
