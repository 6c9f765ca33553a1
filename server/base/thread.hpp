#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "base/result.hpp"

namespace vserd::base {

/// A thread that runs `function`, or the reason why the system gives none: a limit on tasks, or memory. std::thread's own way
/// to say so is an exception, which would end the daemon.
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
