#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "harness/cases.hpp"
#include "harness/readers.hpp"

namespace vserd::bench {
namespace {

constexpr double attach_seconds_max = 20;
constexpr double settle_seconds = 0.2;
/// Of vserd: the log of a port fills up to this while the readers read.
constexpr std::uint64_t history_bytes_default = std::uint64_t{1} << 20;

/// What all readers of one line get together, and what it costs the bridge.
Sample measure(const std::string& contender, const ReadPlan& plan, const Environment& environment) {
    const std::vector<Line> lines = open_lines(1);
    std::unique_ptr<Bridge> bridge;
    if (contender != "direct") bridge = std::make_unique<Bridge>(face_of(contender), lines, environment.programs);
    const std::uint64_t resident_before = bridge ? bridge->resident_bytes() : 0;
    const auto readers = bridge ? make_readers(*bridge, plan) : direct_readers(lines[0]);
    const SourceDevice device(
        lines[0], [&] { return readers->all_synced(); }, [&] { return readers->received_least(); });
    await([&] { return readers->received_least() > 0 || !readers->all_intact(); }, attach_seconds_max,
          contender + ": the readers got nothing\n" + (bridge ? bridge->log_tail() : ""));
    sleep_seconds(settle_seconds);

    const auto begin = Clock::now();
    const double cpu_before = bridge ? bridge->cpu_seconds() : 0;
    const std::uint64_t bytes_before = readers->received_sum();
    sleep_seconds(environment.seconds);
    const double megabytes = static_cast<double>(readers->received_sum() - bytes_before) * 1e-6;
    const double cpu_ms = bridge ? (bridge->cpu_seconds() - cpu_before) * 1e3 : 0;
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!readers->all_intact()) throw LostBytes("bytes were lost or changed");
    if (megabytes == 0) throw LostBytes("nothing arrives any more");
    Sample sample{{"mb_s", megabytes / seconds}};
    if (!bridge) return sample;
    sample["cpu_ms_mb"] = cpu_ms / megabytes;
    // What else grows meanwhile is little beside many readers only.
    if (plan.readers_per_line >= 64) {
        const std::uint64_t history =
            is_vserd(bridge->face()) ? std::min(readers->received_least(), history_bytes_default) : 0;
        const auto grown =
            static_cast<double>(bridge->resident_bytes()) - static_cast<double>(resident_before + history);
        sample["reader_kb"] = grown * 1e-3 / static_cast<double>(plan.readers_per_line);
    }
    return sample;
}

/// The line as fast as it goes, to some readers of one port.
class ReadCase : public Case {
public:
    explicit ReadCase(std::size_t readers) : readers_(readers) {}

    std::vector<std::string> contenders() const override {
        if (readers_ > 64) return {"ser2net-tuned", "conserver", "socat", "vserd"};
        if (readers_ > 1) return {"ser2net", "ser2net-tuned", "conserver", "socat", "vserd", "vserd-raw"};
        return {"direct", "ser2net", "ser2net-tuned", "conserver", "socat", "vserd", "vserd-raw", "vserd-tls"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        if (contender == "socat" && readers_ > 1) throw Cannot("it serves one client");
        ReadPlan plan;
        plan.readers_per_line = readers_;
        return measure(contender, plan, environment);
    }

private:
    std::size_t readers_;
};

/// As many over WebSockets as over gRPC.
class WebCase : public Case {
public:
    explicit WebCase(std::size_t readers) : readers_(readers) {}

    std::vector<std::string> contenders() const override { return {"vserd", "vserd-web"}; }

    Sample run(const std::string& contender, const Environment& environment) override {
        ReadPlan plan;
        plan.readers_per_line = readers_;
        return measure(contender, plan, environment);
    }

private:
    std::size_t readers_;
};

}  // namespace

std::unique_ptr<Case> read_case(std::size_t readers) { return std::make_unique<ReadCase>(readers); }

std::unique_ptr<Case> web_case(std::size_t readers) { return std::make_unique<WebCase>(readers); }

}  // namespace vserd::bench
