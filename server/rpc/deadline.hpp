#pragma once

#include <chrono>

namespace vserd::rpc {

/// When to answer a call whose client gives up at `deadline`, as a moment of our clock: a little earlier (a tenth of what
/// is left, but no more than 100 ms or a fiftieth), because the client's own timer wins against a reply that comes at the
/// deadline, and then the reply's details (how many bytes were taken) are lost. The fiftieth is for gRPC, which sends a
/// client's patience in three digits at most, rounded up. A deadline beyond a year is a year from now.
std::chrono::steady_clock::time_point answer_by(std::chrono::system_clock::time_point deadline);

}  // namespace vserd::rpc
