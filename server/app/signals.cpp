#include "app/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace vserd {
namespace {

int open_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
    return ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

Signals::Signals(io::Loop& loop, std::function<void(int signal)> taken)
    : descriptor_(loop.context(), open_signals()), taken_(std::move(taken)) {
    wait();
}

void Signals::wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this](const boost::system::error_code& error) {
                               if (error) return;
                               signalfd_siginfo signal{};
                               while (::read(descriptor_.native_handle(), &signal, sizeof signal) == sizeof signal)
                                   taken_(static_cast<int>(signal.ssi_signo));
                               wait();
                           });
}

}  // namespace vserd
