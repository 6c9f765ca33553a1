#include <algorithm>
#include <array>
#include <stdexcept>

#include "harness/cases.hpp"
#include "harness/session.hpp"

namespace vserd::bench {
namespace {

constexpr std::size_t warm_up_trips = 200;
constexpr std::size_t trips_max = 1'000'000;

std::unique_ptr<Session> open_session(const std::string& contender, const Bridge& bridge) {
    if (contender == "vserd-library" || has_tls(bridge.face())) {
        return library_session(bridge.address(), "p0", bridge.connect_options());
    }
    if (bridge.face() == Face::vserd) return raw_session(bridge.address(), "p0");
    return tcp_session(bridge.tcp_port(0));
}

double round_trip_us(Session& session, std::byte value) {
    const std::array<std::byte, 1> sent{value};
    std::array<std::byte, 1> got{};
    const auto begin = Clock::now();
    session.write(sent);
    if (session.read(got) != 1 || got != sent) throw std::runtime_error("the echo of a byte did not come back");
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// One byte there and back, one at a time.
class EchoCase : public Case {
public:
    std::vector<std::string> contenders() const override {
        return {"direct",        "ser2net",   "ser2net-tuned", "vserd",
                "vserd-library", "vserd-raw", "vserd-tls",     "vserd-rules"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(1);
        std::unique_ptr<Bridge> bridge;
        std::unique_ptr<Session> session;
        if (contender == "direct") {
            session = direct_session(lines[0]);
        } else {
            bridge = std::make_unique<Bridge>(face_of(contender), lines, environment.programs);
            session = open_session(contender, *bridge);
        }
        const EchoDevice device(lines[0]);

        // The default face takes 3 ms for each: warm up by time as well.
        const auto warm = Clock::now() + std::chrono::milliseconds{200};
        for (std::size_t i = 0; i < warm_up_trips && Clock::now() < warm; ++i) round_trip_us(*session, std::byte{1});

        std::vector<double> trips;
        const auto end = Clock::now() + std::chrono::duration<double>(environment.seconds);
        while (trips.size() < trips_max && Clock::now() < end) {
            trips.push_back(round_trip_us(*session, static_cast<std::byte>(trips.size())));
        }
        std::sort(trips.begin(), trips.end());
        return {{"p50_us", trips[trips.size() / 2]},
                {"p99_us", trips[trips.size() * 99 / 100]},
                {"trips_s", static_cast<double>(trips.size()) / environment.seconds}};
    }
};

}  // namespace

std::unique_ptr<Case> echo_case() { return std::make_unique<EchoCase>(); }

}  // namespace vserd::bench
