#include "sim/sim_console.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "sim/sim_boot_log.hpp"

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;

/// The maximum that one typed character or one step of a job prints. refill() continues only with this much room.
constexpr std::size_t step_bytes_max = 2048;
constexpr std::uint64_t flood_kib_max = std::uint64_t{1} << 20;

constexpr char ctrl_c = 0x03;
constexpr char bell = 0x07;
constexpr char backspace = 0x08;
constexpr char ctrl_u = 0x15;
constexpr char escape = 0x1b;
constexpr char rubout = 0x7f;

constexpr std::string_view help_text =
    "help                 this list\r\n"
    "echo TEXT            prints TEXT\r\n"
    "uname, uptime        what it is, since when it runs\r\n"
    "dmesg, reboot        the kernel's log; boots again\r\n"
    "flood N              prints N KiB of numbered lines; Ctrl-C ends it\r\n"
    "signals, baud        the modem lines; speed and format of the line\r\n"
    "fault drop RATE      loses bytes it sends: RATE is 0 to 1, such as 0.01\r\n"
    "fault flip RATE      inverts one bit of a byte it sends\r\n"
    "fault stall TIME     says and hears nothing for TIME, such as 2s\r\n"
    "fault unplug TIME    pulls the plug for TIME\r\n"
    "fault none           behaves again\r\n";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

/// Splits "first rest of it" into the first word and the rest.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
    text = trimmed(text);
    const auto word = text.substr(0, text.find(' '));
    return {word, trimmed(text.substr(word.size()))};
}

}  // namespace

std::unique_ptr<SimApplication> make_sim_console(SimState& state, bool unpaced) {
    return std::make_unique<SimConsole>(state, unpaced);
}

SimConsole::SimConsole(SimState& state, bool unpaced) : SimApplication(state, output_bytes_max), unpaced_(unpaced) {}

void SimConsole::power_on(SimTime now) { boot(now); }

void SimConsole::boot(SimTime now) {
    booted_at_ = now;
    command_.clear();
    job_ = Job{};
    job_.end_boot_line = sim_boot_log().size();
    job_.with_pauses = !unpaced_;
    job_.next_at = now;
}

line::Signals SimConsole::modem_lines(SimTime now) const {
    return line::Signals{state_.dtr, state_.rts, !state_.stalled(now), true, state_.dcd.value_or(true), state_.ri};
}

void SimConsole::receive(std::span<const std::byte> bytes, SimTime) {
    for (const auto byte : bytes) {
        const char c = static_cast<char>(byte);
        if (c == ctrl_c) {
            interrupt();
        } else {
            input_.push_back(c);
        }
    }
}

void SimConsole::receive_break(SimTime) {
    if (busy() || output_.room() < step_bytes_max) return;
    print("\r\n*** break received ***\r\n");
    prompt();
    print(command_);
}

void SimConsole::interrupt() {
    input_.clear();
    if (output_.room() < step_bytes_max) output_.clear();
    command_.clear();
    const bool booting = job_.with_pauses;
    if (booting) return;  // there is nothing to interrupt yet
    job_ = Job{};
    print("^C\r\n");
    prompt();
}

void SimConsole::refill(SimTime now) {
    if (state_.stalled(now)) return;
    while (output_.room() >= step_bytes_max) {
        if (busy()) {
            if (now < job_.next_at) return;
            run_job(now);
        } else if (!input_.empty()) {
            const char c = input_.front();
            input_.pop_front();
            type(c, now);
        } else {
            return;
        }
    }
}

std::optional<SimTime> SimConsole::next_event() const {
    // A job without a pause continues when the output has room, which the device checks.
    return busy() && output_.room() >= step_bytes_max ? std::optional(job_.next_at) : std::nullopt;
}

void SimConsole::run_job(SimTime now) {
    if (job_.flood_bytes_left > 0) {
        print_flood_line();
    } else {
        const auto log = sim_boot_log();
        print_line(log[job_.next_boot_line].text);
        ++job_.next_boot_line;
        if (job_.with_pauses && busy()) job_.next_at = now + log[job_.next_boot_line].pause;
    }
    if (busy()) return;
    job_ = Job{};
    prompt();
    print(command_);
}

void SimConsole::print_flood_line() {
    // Lines of 64 bytes, so that lost or repeated bytes are easy to see.
    std::array<char, 65> line{};
    std::snprintf(line.data(), line.size(), "%010llu abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWX\r\n",
                  static_cast<unsigned long long>(job_.flood_line++));
    const std::string_view text(line.data());
    print(text);
    job_.flood_bytes_left -= std::min<std::uint64_t>(job_.flood_bytes_left, text.size());
}

void SimConsole::print(std::string_view text) { output_.push(text.substr(0, output_.room())); }

void SimConsole::print_line(std::string_view text) {
    print(text);
    print("\r\n");
}

void SimConsole::prompt() { print("sim> "); }

void SimConsole::type(char c, SimTime now) {
    const bool second_of_pair = std::exchange(after_return_, c == '\r') && c == '\n';
    if (second_of_pair || swallow_escape(c)) return;
    if (c == '\r' || c == '\n') {
        enter(now);
    } else if (c == backspace || c == rubout) {
        erase_character();
    } else if (c == ctrl_u) {
        while (!command_.empty()) erase_character();
    } else if (static_cast<unsigned char>(c) >= ' ') {
        if (command_.size() >= command_bytes_max) {
            print(std::string_view(&bell, 1));
            return;
        }
        command_ += c;
        print(std::string_view(&c, 1));
    }
}

/// Skips escape sequences (ESC [ ... letter), such as those of arrow keys, which the editor does not support.
bool SimConsole::swallow_escape(char c) {
    switch (escape_) {
        case Escape::none:
            if (c != escape) return false;
            escape_ = Escape::begun;
            return true;
        case Escape::begun:
            escape_ = c == '[' || c == 'O' ? Escape::sequence : Escape::none;
            return c == '[' || c == 'O';
        case Escape::sequence:
            if (c >= '@' && c <= '~') escape_ = Escape::none;
            return true;
    }
    return false;
}

void SimConsole::erase_character() {
    if (command_.empty()) return;
    while (command_.size() > 1 && is_continuation(command_.back())) command_.pop_back();
    command_.pop_back();
    print("\b \b");
}

void SimConsole::enter(SimTime now) {
    print("\r\n");
    const std::string line = std::exchange(command_, {});
    const auto [command, arguments] = split_word(line);
    if (!command.empty()) execute(command, arguments, now);
    if (!busy()) prompt();
}

void SimConsole::execute(std::string_view command, std::string_view arguments, SimTime now) {
    if (command == "help") {
        print(help_text);
    } else if (command == "echo") {
        print_line(arguments);
    } else if (command == "uname") {
        print_line("Simulated simboard 6.1.0-sim #1 armv7l GNU/Linux");
    } else if (command == "uptime") {
        print_uptime(now);
    } else if (command == "dmesg") {
        job_ = Job{};
        job_.end_boot_line = sim_boot_log().size() - sim_boot_log_user_lines();
    } else if (command == "reboot") {
        print_line("The system is going down for reboot NOW!");
        boot(now);
    } else if (command == "flood") {
        start_flood(arguments, now);
    } else if (command == "signals") {
        print_signals(now);
    } else if (command == "baud") {
        print_line(fmt::format("{} {}", state_.settings.baud, to_string(state_.settings.format)));
    } else if (command == "fault") {
        fault(arguments, now);
    } else {
        print_line(std::string(command) + ": not found; try help");
    }
}

void SimConsole::print_uptime(SimTime now) {
    const auto up_s = std::chrono::duration_cast<std::chrono::seconds>(now - booted_at_).count();
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "up %lld:%02lld:%02lld", static_cast<long long>(up_s / 3600),
                  static_cast<long long>(up_s / 60 % 60), static_cast<long long>(up_s % 60));
    print_line(text.data());
}

void SimConsole::print_signals(SimTime now) {
    const line::Signals lines_now = modem_lines(now);
    const auto level = [](bool on) { return on ? "on" : "off"; };
    print_line(fmt::format("from you: DTR={} RTS={}; to you: CTS={} DSR={} DCD={} RI={}", level(lines_now.dtr),
                           level(lines_now.rts), level(lines_now.cts), level(lines_now.dsr), level(lines_now.dcd),
                           level(lines_now.ri)));
}

void SimConsole::start_flood(std::string_view arguments, SimTime now) {
    std::uint64_t kib = 0;
    const auto [end, error] = std::from_chars(arguments.data(), arguments.data() + arguments.size(), kib);
    if (error != std::errc{} || end != arguments.data() + arguments.size() || kib == 0 || kib > flood_kib_max) {
        print_line(fmt::format("flood: give the KiB to print, 1 to {}", flood_kib_max));
        return;
    }
    job_ = Job{};
    job_.flood_bytes_left = kib << 10U;
    job_.next_at = now;
}

void SimConsole::fault(std::string_view arguments, SimTime now) {
    const auto [kind, value] = split_word(arguments);
    const auto refuse = [this](const Error& error) { print_line("fault: " + error.message); };
    if (kind == "none") {
        state_.faults = {};
    } else if (kind == "drop" || kind == "flip") {
        const auto rate = parse_sim_rate(value);
        if (!rate) return refuse(rate.error());
        (kind == "drop" ? state_.faults.drop : state_.faults.flip) = *rate;
    } else if (kind == "stall" || kind == "unplug") {
        const auto length = parse_sim_duration(value);
        if (!length) return refuse(length.error());
        if (kind == "stall") state_.stalled_until = now + *length;
        if (kind == "unplug") state_.unplug_request = *length;
    } else {
        print_line("fault: drop RATE, flip RATE, stall TIME, unplug TIME or none");
    }
}

}  // namespace vserd::sim
