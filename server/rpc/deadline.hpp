#pragma once

#include <chrono>

namespace vserd::rpc {

/// When to answer a call whose client gives up at `deadline`, on our clock. The client's own timer beats a reply that
/// arrives at the deadline, and then the reply's details (how many bytes were taken) are lost. So the answer leaves earlier:
/// by 250 ms, which a busy machine may need to deliver it, but by a quarter of the time left at most, and by a fiftieth at
/// least, because gRPC rounds a client's timeout up to three digits. A deadline beyond a year is a year from now.
std::chrono::steady_clock::time_point answer_by(std::chrono::system_clock::time_point deadline);

}  // namespace vserd::rpc
