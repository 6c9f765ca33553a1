// What the steps of the byte path cost by themselves: build/bench/bin/micro_bench (Google Benchmark's options apply).
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "access/policy.hpp"
#include "hub/delivery_histogram.hpp"
#include "log/byte_log.hpp"
#include "search/line_selector.hpp"

namespace vserd::log {
namespace {

constexpr std::size_t history_bytes = std::size_t{1} << 20;
constexpr std::size_t read_bytes_max = std::size_t{64} << 10;

void fill(ByteLog& log, std::size_t size, const Moment& now) {
    while (size > 0) {
        const auto space = log.space();
        const std::size_t piece = std::min(size, space.size());
        std::memset(space.data(), 'x', piece);
        log.commit(piece, now);
        size -= piece;
    }
}

/// Bytes arrive and one reader takes them at once.
void append_and_read(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    ByteLog log(history_bytes);
    Cursor cursor;
    const Moment now = Moment::now();
    for (auto _ : state) {
        fill(log, size, now);
        while (const auto item = log.read(cursor, read_bytes_max)) benchmark::DoNotOptimize(item->index());
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append_and_read)->Arg(1)->Arg(115)->Arg(4096)->Arg(65536);

/// The same log read by many: slices are shared, so a reader more costs a count, not a copy.
void read_by_many(benchmark::State& state) {
    ByteLog log(history_bytes);
    std::vector<Cursor> cursors(static_cast<std::size_t>(state.range(0)));
    const Moment now = Moment::now();
    for (auto _ : state) {
        fill(log, read_bytes_max, now);
        for (Cursor& cursor : cursors) {
            while (const auto item = log.read(cursor, read_bytes_max)) benchmark::DoNotOptimize(item->index());
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(read_bytes_max));
}
BENCHMARK(read_by_many)->Arg(1)->Arg(8)->Arg(64);

/// A reader far behind: what a resume after a reconnect costs.
void find_offset(benchmark::State& state) {
    ByteLog log(history_bytes);
    fill(log, history_bytes, Moment::now());
    for (auto _ : state) {
        Cursor cursor = log.at_offset(history_bytes / 2);
        benchmark::DoNotOptimize(log.read(cursor, read_bytes_max));
    }
}
BENCHMARK(find_offset);

void observe_delivery(benchmark::State& state) {
    hub::DeliveryHistogram histogram;
    for (auto _ : state) histogram.observe(std::chrono::microseconds{80});
}
BENCHMARK(observe_delivery);

}  // namespace
}  // namespace vserd::log

namespace vserd::search {
namespace {

/// Lines as consoles print them, 64 KiB at a time.
std::string console_text() {
    std::string text;
    for (int i = 0; text.size() < (std::size_t{64} << 10); ++i) {
        text += "[ " + std::to_string(i * 7919 % 100000) + ".482391] usb 1-1: new high-speed device number " +
                std::to_string(i % 100) + " using xhci_hcd\r\n";
    }
    return text;
}

/// Search of a log: a literal, a case-insensitive one, an alternative, and patterns without any literal. None matches.
void search_lines(benchmark::State& state, const char* pattern) {
    const std::string text = console_text();
    auto patterns = compile(std::string(pattern), "pattern");
    LineSelector selector(std::move(*patterns), 0, {});
    for (auto _ : state) {
        selector.add(text, Time{});
        benchmark::DoNotOptimize(selector.take());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(search_lines, literal, "Kernel panic");
BENCHMARK_CAPTURE(search_lines, literal_any_case, "(?i)kernel panic");
BENCHMARK_CAPTURE(search_lines, alternative, "panic|Oops|BUG:");
BENCHMARK_CAPTURE(search_lines, literal_after_anything, "usb.*disconnect");
BENCHMARK_CAPTURE(search_lines, no_literal, "[0-9]{6}$");
BENCHMARK_CAPTURE(search_lines, line_by_line, "\\Apanic");

/// Every line matches and is copied.
void select_lines(benchmark::State& state) { search_lines(state, "^"); }
BENCHMARK(select_lines);

}  // namespace
}  // namespace vserd::search

namespace vserd::access {
namespace {

constexpr std::size_t ports = 1000;
constexpr std::size_t racks = 100;

/// Rules as operators write them: teams with certificates, tokens and groups on racks, and some single ports.
std::vector<Rule> rules_of_a_lab(std::size_t count) {
    std::vector<Rule> rules{{{"*"}, {"*"}, Role::list}, {{"jwt:group=ops"}, {"*"}, Role::admin}};
    while (rules.size() < count) {
        const std::string n = std::to_string(rules.size());
        const std::string rack = std::to_string(rules.size() % racks);
        rules.push_back({{"cert:spiffe://lab/team" + n + "/*", "cert:*.team" + n + ".example", "token:ci-" + n + "-*"},
                         {"rack" + rack + "-*"},
                         Role::write});
        if (rules.size() < count)
            rules.push_back(
                {{"uid:" + n, "jwt:sub=user" + n + "@example.com"}, {"rack" + rack + "-" + n}, Role::control});
    }
    return rules;
}

/// What every call costs: the role of one of many clients on one of 1000 ports.
void decide(benchmark::State& state) {
    const Policy policy(rules_of_a_lab(static_cast<std::size_t>(state.range(0))));
    std::vector<Identity> identities;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < ports; ++i) {
        const std::string n = std::to_string(i * 7 % static_cast<std::size_t>(state.range(0)));
        identities.push_back({.names = {"cert:spiffe://lab/team" + n + "/runner", "cert:r1.team" + n + ".example",
                                        "uid:" + n, "gid:20", "jwt:group=team" + n}});
        names.push_back("rack" + std::to_string(i % racks) + "-" + std::to_string(i));
    }
    std::size_t i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(policy.role_of(identities[i % ports], names[(i * 31) % ports]));
        ++i;
    }
}
BENCHMARK(decide)->Arg(10)->Arg(10000);

}  // namespace
}  // namespace vserd::access

BENCHMARK_MAIN();
