#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace vser::client {

/// Starts a thread of the library with all signals blocked, so that the program's threads receive them.
template <class Function>
std::thread start_thread_without_signals(Function function) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(function));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

}  // namespace vser::client
