#pragma once

#include <functional>

namespace vserctl {

/// Runs `work` in a thread in which all signals are blocked, and so in all threads of gRPC that it starts. In this thread they work
/// as usual, so that commands which block signals later receive them.
void run_unsignalled(const std::function<void()>& work);

}  // namespace vserctl
