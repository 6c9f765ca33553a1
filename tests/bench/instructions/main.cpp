// The byte path on fixed input, for callgrind: tests/bench/instructions/check runs it and knows what each step may cost.
#include "instructions/steps.hpp"

int main() {
    vserd::bench::count_log();
    vserd::bench::count_wire();
    vserd::bench::count_telnet();
    vserd::bench::count_access();
    vserd::bench::count_port();
}
