#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "sim/sim_application.hpp"

namespace vserd::sim {

/// The small computer of sim:console: prints a boot log when it is powered up, then answers at a prompt.
///
/// It does one thing at a time. While it boots or prints, typed bytes wait (up to input_bytes_max, then on the cable), except
/// Ctrl-C, which ends the running command.
class SimConsole final : public SimApplication {
public:
    static constexpr std::size_t output_bytes_max = 16384;
    static constexpr std::size_t input_bytes_max = 4096;
    static constexpr std::size_t command_bytes_max = 256;  ///< the bell rings at more

    SimConsole(SimState& state, bool unpaced);

    void power_on(SimTime now) override;
    std::size_t input_room() const noexcept override { return input_bytes_max - input_.size(); }
    void receive(std::span<const std::byte> bytes, SimTime now) override;
    void receive_break(SimTime now) override;
    void refill(SimTime now) override;
    std::optional<SimTime> next_event() const override;
    line::Signals modem_lines(SimTime now) const override;

private:
    struct Job {  // the current output: a part of the boot log, or numbered lines
        std::size_t next_boot_line = 0;
        std::size_t end_boot_line = 0;
        bool with_pauses = false;
        std::uint64_t flood_bytes_left = 0;
        std::uint64_t flood_line = 0;
        SimTime next_at{};
    };

    bool busy() const noexcept { return job_.next_boot_line < job_.end_boot_line || job_.flood_bytes_left > 0; }
    void print(std::string_view text);
    void print_line(std::string_view text);
    void prompt();
    void run_job(SimTime now);
    void print_flood_line();
    void interrupt();
    void type(char c, SimTime now);
    bool swallow_escape(char c);
    void erase_character();
    void enter(SimTime now);
    void execute(std::string_view command, std::string_view arguments, SimTime now);
    void boot(SimTime now);
    void fault(std::string_view arguments, SimTime now);
    void print_signals(SimTime now);
    void print_uptime(SimTime now);
    void start_flood(std::string_view arguments, SimTime now);

    bool unpaced_;
    SimTime booted_at_{};
    std::deque<char> input_;
    std::string command_;
    Job job_;
    enum class Escape { none, begun, sequence } escape_ = Escape::none;
    bool after_return_ = false;  // the LF of a CR LF does not end another line
};

}  // namespace vserd::sim
