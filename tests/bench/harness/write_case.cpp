#include <stdexcept>

#include "harness/cases.hpp"
#include "harness/session.hpp"

namespace vserd::bench {
namespace {

constexpr double attach_seconds_max = 20;
constexpr double settle_seconds = 0.2;

/// An application that writes pieces of one size as fast as it is let.
class WriteCase : public Case {
public:
    explicit WriteCase(std::size_t write_bytes) : write_bytes_(write_bytes) {}

    std::vector<std::string> contenders() const override {
        return {"ser2net", "ser2net-tuned", "conserver", "socat", "vserd", "vserd-library", "vserd-raw"};
    }

    Sample run(const std::string& contender, const Environment& environment) override {
        const std::vector<Line> lines = open_lines(1);
        const Bridge bridge(face_of(contender), lines, environment.programs);
        const std::unique_ptr<Session> session = open_session(contender, bridge);
        const SinkDevice device(lines[0]);
        std::atomic<bool> stop{false};
        std::thread writer([&] { write(*session, stop); });
        try {
            Sample sample = measure(contender, bridge, device.check(), environment);
            end(*session, stop, writer);
            return sample;
        } catch (...) {
            end(*session, stop, writer);
            throw;
        }
    }

private:
    void write(Session& session, const std::atomic<bool>& stop) const {
        for (std::uint64_t sent = 0; !stop.load(std::memory_order_relaxed); sent += write_bytes_) {
            session.write(pattern_at(sent, write_bytes_));
        }
    }

    static Sample measure(const std::string& contender, const Bridge& bridge, const StreamCheck& check,
                          const Environment& environment) {
        await([&] { return check.received() > 0; }, attach_seconds_max, contender + ": the device got nothing");
        sleep_seconds(settle_seconds);
        const auto begin = Clock::now();
        const double cpu_before = bridge.cpu_seconds();
        const std::uint64_t bytes_before = check.received();
        sleep_seconds(environment.seconds);
        const double megabytes = static_cast<double>(check.received() - bytes_before) * 1e-6;
        const double cpu_ms = (bridge.cpu_seconds() - cpu_before) * 1e3;
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        if (!check.intact()) throw LostBytes("bytes were lost or changed");
        if (megabytes == 0) throw LostBytes("nothing arrives any more");
        return {{"mb_s", megabytes / seconds}, {"cpu_ms_mb", cpu_ms / megabytes}};
    }

    static void end(Session& session, std::atomic<bool>& stop, std::thread& writer) {
        stop.store(true);
        session.cancel();
        writer.join();
    }

    std::size_t write_bytes_;
};

}  // namespace

std::unique_ptr<Case> write_case(std::size_t write_bytes) { return std::make_unique<WriteCase>(write_bytes); }

}  // namespace vserd::bench
