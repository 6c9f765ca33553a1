// The simulated ESP32: any bytes, resets and pauses, in any order.
#include <array>
#include <span>

#include "fuzz/fuzz.hpp"
#include "sim/sim_esp.hpp"

using namespace vserd::sim;

namespace {
constexpr std::chrono::milliseconds en_rise{20};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    SimState state;
    SimTime now{};
    SimEsp board(state, en_rise);
    board.power_on(now);
    std::array<std::byte, 997> shown{};
    while (!input.empty()) {
        const std::uint8_t choice = input.byte();
        if (choice < 4) {
            state.dtr = (choice & 1U) != 0;
            state.rts = (choice & 2U) != 0;
            board.host_lines_changed(now);
        } else if (choice < 32) {
            now += std::chrono::milliseconds(choice);
            board.refill(now);
        } else if (choice < 64) {
            board.output().pop(shown);
        } else {
            const auto piece = input.take(std::min<std::size_t>(choice - 63U, board.input_room()));
            board.receive(std::as_bytes(std::span{piece}), now);
        }
        if (const auto next = board.next_event()) require(*next <= now + en_rise, "a reset ends");
        require(board.output().size() <= SimEsp::output_bytes_max, "its output is bounded");
    }
    return 0;
}
