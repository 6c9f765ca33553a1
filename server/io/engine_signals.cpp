#include "io/engine_signals.hpp"

#include <pthread.h>

#include <initializer_list>

namespace vserd::io {

void block_engine_signals() noexcept {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {sigio_signal(), sigio_overflow_signal, aio_signal}) sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace vserd::io
