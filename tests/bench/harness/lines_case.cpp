#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "harness/cases.hpp"

namespace vserd::bench {
namespace {

/// Longer than the time between two looks at the modem lines, so that each change is seen by itself.
constexpr int interval_ms = 437;
constexpr int first_ms = 1000;  ///< the reader is attached by then

std::string at(int ms) {
    char text[40];
    std::snprintf(text, sizeof text, R"({"t":"2026-01-01T00:%02d:%02d.%03dZ",)", ms / 60'000, ms / 1000 % 60,
                  ms % 1000);
    return text;
}

/// A capture whose device sends a byte and changes DCD at the same time, again and again.
void write_capture(const std::string& path, int changes) {
    std::ofstream file(path);
    file << R"({"vserd_capture":1,"port":"p0","log_id":"bench"})" << '\n'
         << at(0) << R"("at":0,"event":"online","text":"bench"})" << '\n';
    for (int i = 0; i < changes; ++i) {
        const std::string time = at(first_ms + i * interval_ms);
        file << time << R"("at":)" << i << R"(,"rx":"eA=="})" << '\n';
        file << time << R"("at":)" << i + 1
             << R"(,"event":"signals","dtr":true,"rts":true,"cts":true,"dsr":true,"dcd":)"
             << (i % 2 == 0 ? "false" : "true") << R"(,"ri":false})" << '\n';
    }
    // After the last change one more byte, so that nobody waits for a change that was missed.
    file << at(first_ms + changes * interval_ms) << R"("at":)" << changes << R"(,"rx":"eA=="})" << '\n';
    file << R"({"end":{"records":)" << 2 + 2 * changes << R"(,"rx_bytes":)" << changes + 1 << R"(,"tx_bytes":0}})"
         << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

/// The time from a change of a modem line to its event at a reader: the device's byte tells when the line changed.
class LinesCase : public Case {
public:
    std::vector<std::string> contenders() const override { return {"vserd"}; }

    Sample run(const std::string& contender, const Environment& environment) override {
        const int changes = std::max(4, static_cast<int>(8 * environment.seconds));
        const std::string capture = environment.programs.folder + "/lines.capture";
        write_capture(capture, changes);
        std::vector<Line> lines(1);
        lines[0].path = "sim:replay?file=" + capture;
        const Bridge bridge(face_of(contender), lines, environment.programs);
        std::vector<double> delays = delays_of(bridge, static_cast<std::size_t>(changes));
        std::sort(delays.begin(), delays.end());
        return {{"event_p50_ms", delays[delays.size() / 2]}, {"event_max_ms", delays.back()}};
    }

private:
    static std::vector<double> delays_of(const Bridge& bridge, std::size_t changes) {
        const auto client = vser::client::Client::connect(bridge.address(), bridge.connect_options());
        if (!client) throw std::runtime_error(client.error().message);
        auto stream = client->read("p0", {.from = vser::client::StartPoint::live(), .follow = true});
        std::vector<double> delays;
        std::optional<Clock::time_point> changed;
        std::size_t bytes = 0;
        while (delays.size() < changes) {
            const auto item = stream.next();
            if (!item || bytes > changes) throw std::runtime_error("changes of the modem lines are missing");
            if (const auto* data = std::get_if<vser::client::Data>(&*item)) {
                changed = Clock::now();
                bytes += data->bytes.size();
            }
            const auto* event = std::get_if<vser::client::Event>(&*item);
            if (event == nullptr || !changed || !std::holds_alternative<vser::client::Signals>(event->what)) continue;
            delays.push_back(std::chrono::duration<double, std::milli>(Clock::now() - *changed).count());
            changed.reset();
        }
        return delays;
    }
};

}  // namespace

std::unique_ptr<Case> lines_case() { return std::make_unique<LinesCase>(); }

}  // namespace vserd::bench
