#include <fmt/core.h>
#include <malloc.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fleet/scale/simulated_bridge.hpp"

/// Registers many bridges in one etcd with the code of server/fleet, or reads them once and measures the copy. `run` starts etcd and
/// makes the table.
namespace vserd::fleet_scale {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds poll{2};
constexpr std::chrono::minutes patience{10};
constexpr std::size_t lookups = 200'000;

double seconds_since(SteadyClock::time_point begin) {
    return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

/// False: it took longer than anybody waits.
template <class Condition>
bool await(Condition holds) {
    const auto deadline = SteadyClock::now() + patience;
    while (!holds()) {
        if (SteadyClock::now() > deadline) return false;
        std::this_thread::sleep_for(poll);
    }
    return true;
}

/// The bridges and their thread, as long as they are needed.
class Site {
public:
    Site(const Plan& plan, std::size_t first, std::size_t count, std::size_t mirrors) : plan_(plan) {
        for (std::size_t i = 0; i < count; ++i)
            bridges_.push_back(std::make_unique<SimulatedBridge>(context_, plan, first + i, i < mirrors));
        thread_ = std::thread([this] { context_->run(); });
    }
    ~Site() {
        std::atomic<std::size_t> left{bridges_.size()};
        for (const auto& bridge : bridges_)
            boost::asio::post(*context_, [&bridge, &left] { bridge->stop([&left] { --left; }); });
        await([&] { return left == 0; });
        work_.reset();
        thread_.join();
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    void start(std::size_t ports) {
        for (const auto& bridge : bridges_) boost::asio::post(*context_, [&bridge, ports] { bridge->start(ports); });
    }
    std::size_t owned() const {
        std::size_t sum = 0;
        for (const auto& bridge : bridges_) sum += bridge->counters().owned;
        return sum;
    }
    std::uint64_t errors() const {
        std::uint64_t sum = 0;
        for (const auto& bridge : bridges_) {
            for (const auto& count : bridge->counters().errors) sum += count;
            sum += bridge->counters().lease_losses;
        }
        return sum;
    }
    const roster::Roster& roster(std::size_t index = 0) const { return bridges_.at(index)->roster(); }

private:
    const Plan& plan_;
    const std::shared_ptr<boost::asio::io_context> context_ = std::make_shared<boost::asio::io_context>(1);
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
        boost::asio::make_work_guard(*context_);
    std::vector<std::unique_ptr<SimulatedBridge>> bridges_;
    std::thread thread_;
};

bool is_complete(const roster::Roster& roster, const Plan& plan) {
    return roster.size() >= plan.bridges * plan.ports && roster.bridge_count() >= plan.bridges;
}

int fail(const std::string& what) {
    fmt::print(stderr, "{}\n", what);
    return 1;
}

/// One line of JSON when all are registered and all mirrors know it; then it keeps them until its standard input ends.
int register_all(const Plan& plan) {
    Site site(plan, 0, plan.bridges, plan.mirrors);
    const auto begin = SteadyClock::now();
    site.start(plan.ports);
    if (!await([&] { return site.owned() == plan.bridges * plan.ports; })) return fail("they never registered");
    const double registered = seconds_since(begin);
    for (std::size_t mirror = 0; mirror < plan.mirrors; ++mirror) {
        if (!await([&] { return is_complete(site.roster(mirror), plan); })) return fail("a copy is not complete");
    }
    fmt::print("{{\"registered_seconds\": {:.3f}, \"known_seconds\": {:.3f}}}\n", registered, seconds_since(begin));
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
    }
    fmt::print("{{\"errors\": {}}}\n", site.errors());
    return 0;
}

/// Seconds of each look-up of a name that exists.
std::vector<double> time_lookups(const roster::Roster& roster, const Plan& plan) {
    std::minstd_rand random(1);
    std::vector<double> times;
    times.reserve(lookups);
    for (std::size_t i = 0; i < lookups; ++i) {
        const std::string name = port_name(random() % plan.bridges, random() % plan.ports);
        const auto begin = SteadyClock::now();
        const auto port = roster.port(name);
        const auto bridge = port ? roster.bridge(port->bridge) : nullptr;
        times.push_back(bridge ? seconds_since(begin) : 1e9);
    }
    std::ranges::sort(times);
    return times;
}

/// One more bridge comes: how long its own registration takes, how long until it has its copy, and how much memory that is.
int measure_copy(const Plan& plan) {
    const auto heap = [] { return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); };
    Site site(plan, plan.bridges, 1, 1);
    const double before = heap();
    const auto begin = SteadyClock::now();
    site.start(plan.ports);
    if (!await([&] { return site.owned() == plan.ports; })) return fail("it never registered");
    const double registered = seconds_since(begin);
    if (!await([&] { return is_complete(site.roster(), plan); })) return fail("its copy is not complete");
    const double known = seconds_since(begin);
    std::this_thread::sleep_for(std::chrono::seconds(1));  // what the transfer took is given back
    const double after = heap();
    const auto times = time_lookups(site.roster(), plan);
    fmt::print(
        "{{\"registered_seconds\": {:.3f}, \"copy_seconds\": {:.3f}, \"copy_mib\": {:.2f}, \"entries\": {}, "
        "\"lookup_median_us\": {:.2f}, \"lookup_p999_us\": {:.2f}, \"lookup_max_us\": {:.1f}, \"errors\": {}}}\n",
        registered, known, (after - before) / 1048576, site.roster().size() + site.roster().bridge_count(),
        times.at(times.size() / 2) * 1e6, times.at(times.size() * 999 / 1000) * 1e6, times.back() * 1e6, site.errors());
    return 0;
}

/// A connection each.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

int run(int argc, char** argv) {
    Plan plan;
    bool copy = false;
    CLI::App app{"Bridges without ports to serve, in one etcd"};
    app.add_option("--etcd", plan.etcd, "HOST:PORT")->required();
    app.add_option("--bridges", plan.bridges);
    app.add_option("--ports", plan.ports, "of each bridge");
    app.add_option("--mirrors", plan.mirrors, "bridges that keep a copy of the fleet");
    app.add_flag("--copy", copy, "add one bridge to those that another process has registered, and measure it");
    CLI11_PARSE(app, argc, argv);
    raise_descriptor_limit();
    return copy ? measure_copy(plan) : register_all(plan);
}

}  // namespace
}  // namespace vserd::fleet_scale

int main(int argc, char** argv) { return vserd::fleet_scale::run(argc, argv); }
