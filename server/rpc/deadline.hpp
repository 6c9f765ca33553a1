#pragma once

#include <chrono>

namespace vserd::rpc {

/// When to answer a call with this deadline, on our clock. If the reply arrived at the deadline, the client's own timer would
/// expire first, and the client would lose the details (how many bytes were accepted). So the reply is sent 250 ms earlier, which
/// a busy machine may need to deliver it; at most a quarter of the time left, and at least a fiftieth, because gRPC rounds a
/// client's timeout up to three digits. Deadlines more than a year away count as one year.
std::chrono::steady_clock::time_point answer_by(std::chrono::system_clock::time_point deadline);

}  // namespace vserd::rpc
