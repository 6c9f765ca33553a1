// Ports, hubs and the whole server on an engine that does its worst, thousands of times, each time another way.
//
// VSERD_FAULT_SEED=N repeats the run of that seed (in many schedules); VSERD_FAULT_RUNS=N makes that many runs.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include "contract/fault_run.hpp"
#include "contract/rpc_fault_run.hpp"

namespace vserd {
namespace {

template <class Run>
constexpr std::size_t runs_at_once = 64;  // each has an inotify descriptor, of which a user has 128
template <>
constexpr std::size_t runs_at_once<RpcFaultRun> = 16;  // each has the threads of a server
template <class Run>
constexpr std::chrono::seconds time_limit{5};  // under a sanitizer not all runs fit
template <>
constexpr std::chrono::seconds time_limit<RpcFaultRun>{10};

std::optional<std::uint64_t> number_from(const char* variable) {
    const char* text = std::getenv(variable);
    if (text == nullptr) return std::nullopt;
    return std::strtoull(text, nullptr, 0);
}

std::vector<std::uint64_t> some_seeds(std::size_t count) {
    const auto only = number_from("VSERD_FAULT_SEED");
    const std::uint64_t first = only.value_or(std::random_device{}());
    std::vector<std::uint64_t> seeds(number_from("VSERD_FAULT_RUNS").value_or(count));
    for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = first + (only ? 0 : i);
    return seeds;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

class FaultTest : public testing::Test {
protected:
    FaultTest() : directory_(std::filesystem::temp_directory_path() / ("vserd-fault-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(directory_);
    }
    ~FaultTest() override { std::filesystem::remove_all(directory_); }

    template <class Run>
    void play(const std::vector<std::uint64_t>& seeds) {
        std::vector<std::unique_ptr<Run>> runs;
        const auto deadline = std::chrono::steady_clock::now() + time_limit<Run>;
        for (auto seed = seeds.begin(); seed != seeds.end() || !runs.empty();) {
            while (seed != seeds.end() && runs.size() < runs_at_once<Run> && !HasFailure()) {
                runs.push_back(std::make_unique<Run>(*seed++, directory_));
            }
            if (HasFailure() || std::chrono::steady_clock::now() > deadline) seed = seeds.end();
            bool busy = false;
            std::erase_if(runs, [&](const auto& run) {
                const bool over = !run->turn();
                busy = busy || run->busy();
                return over;
            });
            if (!busy) ::usleep(100);
        }
    }

private:
    std::filesystem::path directory_;
};

TEST_F(FaultTest, EveryByteIsAccountedForWhateverTheEngineDoes) { play<FaultRun>(some_seeds(2000)); }

TEST_F(FaultTest, EveryClientGetsEveryByteAndAStatusWhateverTheEngineDoes) { play<RpcFaultRun>(some_seeds(300)); }

TEST_F(FaultTest, DescriptorsAndMemoryAreGivenBack) {
    std::vector<std::uint64_t> seeds(40);
    for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = i;
    play<FaultRun>(seeds);
    const std::size_t descriptors = open_descriptors();
    const std::size_t memory = ::mallinfo2().uordblks;

    play<FaultRun>(seeds);

    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_LT(::mallinfo2().uordblks, memory + 100'000);
}

}  // namespace
}  // namespace vserd
