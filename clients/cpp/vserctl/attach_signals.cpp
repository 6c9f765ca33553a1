#include "vserctl/attach_signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace vserctl {
namespace {

sigset_t watched() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : std::array{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT}) ::sigaddset(&set, number);
    return set;
}

}  // namespace

void block_attach_signals() {
    const auto set = watched();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

void unblock_attach_signals() {
    const auto set = watched();
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

AttachSignals::AttachSignals() {
    const auto set = watched();
    fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

AttachSignals::~AttachSignals() { ::close(fd_); }

std::optional<int> AttachSignals::take() {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
}

void AttachSignals::die_of(int number) {
    ::signal(number, SIG_DFL);
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, number);
    ::raise(number);
    ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace vserctl
