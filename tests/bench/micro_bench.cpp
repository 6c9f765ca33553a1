// What the steps of the byte path cost by themselves: build/bench/bin/micro_bench (Google Benchmark's options apply).
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "hub/delivery_histogram.hpp"
#include "log/byte_log.hpp"

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

BENCHMARK_MAIN();
