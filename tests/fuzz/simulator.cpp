// The simulated console at the mercy of whoever types.
#include <array>
#include <span>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "sim/sim_console.hpp"

using namespace vserd::sim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    SimState state;
    SimTime now{};
    SimConsole console(state, input.byte() % 2 == 0);
    console.power_on(now);
    std::array<std::byte, 997> shown{};
    for (int steps = 0; !input.empty() && steps < 100; ++steps) {
        const std::uint8_t choice = input.byte();
        if (choice == 255) {
            console.receive_break(now);
        } else {
            console.receive(std::as_bytes(std::span{input.take(std::min<std::size_t>(choice, console.input_room()))}),
                            now);
        }
        console.refill(now);
        for (int pops = choice % 32; pops > 0 && console.output().pop(shown) > 0; --pops) console.refill(now);
        if (const auto next = console.next_event()) {
            require(*next < now + std::chrono::hours(1), "what it waits for comes");
            now = std::max(now, *next);
        }
        require(console.input_room() <= SimConsole::input_bytes_max, "its input is bounded");
        require(console.output().size() <= SimConsole::output_bytes_max, "so is its output");
        const auto& faults = state.faults;
        require(faults.drop >= 0 && faults.drop <= 1 && faults.flip >= 0 && faults.flip <= 1,
                "rates are probabilities");
        require(state.stalled_until <= now + std::chrono::hours(1), "no stall is for ever");
        require(!state.unplug_request || *state.unplug_request <= std::chrono::hours(1), "nor an absence");
    }
    return 0;
}
