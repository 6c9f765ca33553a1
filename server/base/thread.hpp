#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "base/result.hpp"

namespace vserd::base {

/// Starts a thread that runs `function`, or returns why the system refuses: a limit on tasks, or memory. std::thread itself
/// would throw an exception, which would end the daemon.
template <class Function>
Result<std::thread> start_thread(Function&& function) {
    try {
        return std::thread(std::forward<Function>(function));
    } catch (const std::system_error& error) {
        return {boost::system::in_place_error,
                errno_error("starting a thread (see the limits on tasks: TasksMax, pids.max, ulimit -u)",
                            error.code().value())};
    }
}

}  // namespace vserd::base
