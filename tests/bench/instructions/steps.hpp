#pragma once

#include <valgrind/callgrind.h>

#include <string>

namespace vserd::bench {

/// Runs `operation` that many times. Callgrind writes what they executed to a file of its own, under "NAME/OPERATIONS". The
/// first run is not counted, so that memory and tables are as they are in the long run. Without valgrind it only runs.
template <class Operation>
void count(const std::string& name, int operations, Operation operation) {
    const std::string label =
        name + "/" + std::to_string(operations);  // not inside the macro, which outlives a temporary
    operation();
    CALLGRIND_ZERO_STATS;
    for (int i = 0; i < operations; ++i) operation();
    CALLGRIND_DUMP_STATS_AT(label.c_str());
}

/// Keeps the compiler from dropping a result that nobody uses.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

void count_log();
void count_wire();
void count_telnet();
void count_access();
void count_port();

}  // namespace vserd::bench
