#include "harness/cases.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace vserd::bench {

std::vector<std::string> case_names() {
    return {"echo",    "echo1ms", "echoload", "read1",    "read8",     "read64",   "web200", "read256", "stopped",
            "write4k", "write64", "ports64",  "ports512", "ports1000", "idle1000", "lines",  "start1",  "start1000"};
}

std::unique_ptr<Case> make_case(const std::string& name) {
    if (name == "echo") return echo_case(Pace::at_once);
    if (name == "echo1ms") return echo_case(Pace::each_millisecond);
    if (name == "echoload") return echo_case(Pace::beside_load);
    if (name == "read1") return read_case(1);
    if (name == "read8") return read_case(8);
    if (name == "read64") return read_case(64);
    if (name == "web200") return web_case(200);
    if (name == "read256") return read_case(256);
    if (name == "stopped") return stopped_case();
    if (name == "write4k") return write_case(4096);
    if (name == "write64") return write_case(64);
    if (name == "ports64") return ports_case(64);
    if (name == "ports512") return ports_case(512);
    if (name == "ports1000") return ports_case(1000);
    if (name == "idle1000") return idle_case();
    if (name == "lines") return lines_case();
    if (name == "start1") return start_case(1);
    if (name == "start1000") return start_case(1000);
    return nullptr;
}

Face face_of(const std::string& contender) {
    if (contender == "ser2net") return Face::ser2net_default;
    if (contender == "conserver") return Face::conserver;
    if (contender == "socat") return Face::socat;
    if (contender == "vserd-raw") return Face::vserd_raw;
    if (contender == "vserd-web") return Face::vserd_web;
    if (contender == "vserd-archive") return Face::vserd_archive;
    if (contender == "vserd-tls") return Face::vserd_tls;
    if (contender == "vserd-rules") return Face::vserd_rules;
    return contender == "ser2net-tuned" ? Face::ser2net_tuned : Face::vserd;
}

void await(const std::function<bool()>& condition, double seconds, const std::string& what) {
    const auto deadline = Clock::now() + std::chrono::duration<double>(seconds);
    while (!condition()) {
        if (Clock::now() > deadline) throw std::runtime_error(what);
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
}

void sleep_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace vserd::bench
