// Measures bridges side by side: prints one JSON object per line for each run of each case. tests/bench/run makes
// tables of them.
#include <absl/synchronization/mutex.h>
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "harness/cases.hpp"

namespace vserd::bench {
namespace {

struct Options {
    std::vector<std::string> cases;
    std::vector<std::string> contenders;
    int rounds = 5;
    Environment environment;
};

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void print(const std::string& name, const std::string& contender, int round, const Sample& sample) {
    std::printf(R"({"case": "%s", "contender": "%s", "round": %d)", name.c_str(), contender.c_str(), round);
    for (const auto& [metric, value] : sample) std::printf(R"(, "%s": %.6g)", metric.c_str(), value);
    std::printf("}\n");
    std::fflush(stdout);
}

/// In place of figures; the reader of the samples decides what it means.
void print_failure(const std::string& name, const std::string& contender, int round, const char* what,
                   const std::string& why) {
    std::printf(R"({"case": "%s", "contender": "%s", "round": %d, "failed": "%s"})"
                "\n",
                name.c_str(), contender.c_str(), round, what);
    std::fflush(stdout);
    std::fprintf(stderr, "bridge_bench: %s, %s, round %d: %s\n", name.c_str(), contender.c_str(), round, why.c_str());
}

bool is_ours(const std::string& contender) { return contender.starts_with("vserd") || contender == "direct"; }

/// False: a run failed that may not fail. Others may lose bytes or be unable to; then their figures are missing.
bool run_once(Case& test, const std::string& name, const std::string& contender, int round,
              const Environment& environment) {
    try {
        print(name, contender, round, test.run(contender, environment));
        return true;
    } catch (const Cannot& error) {
        print_failure(name, contender, round, "cannot", error.what());
        return true;
    } catch (const LostBytes& error) {
        print_failure(name, contender, round, "lost bytes", error.what());
    } catch (const std::exception& error) {
        print_failure(name, contender, round, "failed", error.what());
    }
    return !is_ours(contender);
}

/// False: some run failed; stderr says why.
bool run_case(const std::string& name, const Options& options) {
    const auto test = make_case(name);
    bool good = true;
    for (int round = 0; round < options.rounds; ++round) {
        for (const std::string& contender : test->contenders()) {
            const auto& wanted = options.contenders;
            if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), contender) == wanted.end()) continue;
            good = run_once(*test, name, contender, round, options.environment) && good;
        }
    }
    return good;
}

}  // namespace
}  // namespace vserd::bench

int main(int argc, char** argv) {
    using namespace vserd::bench;
    Options options;
    CLI::App app("Measures vserd, ser2net, conserver and socat on the same kind of lines, in interleaved rounds.");
    app.add_option("case", options.cases, "What to measure; nothing is everything")->check(CLI::IsMember(case_names()));
    app.add_option("--contender", options.contenders, "Only these");
    app.add_option("--rounds", options.rounds, "How often")->check(CLI::Range(1, 1000));
    app.add_option("--seconds", options.environment.seconds, "How long each run measures")
        ->check(CLI::Range(0.05, 600.0));
    app.add_option("--vserd", options.environment.programs.vserd, "The program");
    app.add_option("--ser2net", options.environment.programs.ser2net, "The program");
    app.add_option("--engine", options.environment.programs.engine, "Of vserd");
    app.add_option("--folder", options.environment.programs.folder, "For configurations and logs")->required();
    CLI11_PARSE(app, argc, argv);

    absl::SetMutexDeadlockDetectionMode(
        absl::OnDeadlockCycle::kIgnore);  // Debian builds it on; it costs the client much
    raise_descriptor_limit();
    ::signal(SIGPIPE, SIG_IGN);  // a session is cancelled under a thread that writes to it
    bool good = true;
    for (const std::string& name : options.cases.empty() ? case_names() : options.cases)
        good = run_case(name, options) && good;
    return good ? 0 : 1;
}
