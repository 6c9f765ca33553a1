#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "soak/pty_device.hpp"
#include "soak/steady_readers.hpp"
#include "soak/visitor.hpp"
#include "support/vserd_process.hpp"

namespace vserd::soak {

/// One daemon with everything at once: devices that come and go, reloads, steady readers, and visitors of every kind. Its failures
/// are GoogleTest's.
class Soak {
public:
    Soak(std::uint64_t seed, std::chrono::seconds duration);
    ~Soak();
    Soak(const Soak&) = delete;
    Soak& operator=(const Soak&) = delete;

    void run();

private:
    using Clock = std::chrono::steady_clock;

    /// A port and what plays it.
    struct Played {
        std::shared_ptr<Port> port;
        std::unique_ptr<PtyDevice> device;  ///< none for an echo
        std::unique_ptr<SteadyReader> reader;
        Clock::time_point away_until{};
    };

    std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }
    std::list<Played> make_ports();
    Played make_pty(const std::string& name, const std::string& node, PortKind kind);
    std::string configuration() const;
    void play_until(Clock::time_point end);
    void unplug(Played& played);
    void replug(Played& played);
    void replug_all();
    void exchange_guest();
    vser::v1::Port ask(const Port& port);
    void become_quiet();
    void set_quiet(bool quiet);
    void check_held();
    void check_ports();
    void check_log();
    void stop();
    void report();
    std::string tally() const;

    std::mt19937_64 random_;
    const std::chrono::seconds duration_;
    const Clock::time_point started_ = Clock::now();
    rpc_test::ScratchFolder folder_;
    unsigned guests_made_ = 0;
    std::list<Played> played_;
    std::list<std::shared_ptr<Port>> gone_;  ///< guests that left
    rpc_test::Daemon daemon_;
    World world_;
    rpc_test::Client client_;
    std::unique_ptr<SteadyCollector> collector_;
    std::vector<std::unique_ptr<Visitor>> visitors_;
    struct {
        std::vector<std::string> daemon;
        std::vector<std::string> ours;
    } descriptors_;             ///< with the steady readers alone
    std::size_t resident_ = 0;  ///< the same, once it was busy
    Clock::time_point next_report_{};
};

}  // namespace vserd::soak
