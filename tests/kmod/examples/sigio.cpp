// Example: asynchronous notification. The kernel sends a signal when bytes arrive.
//
//   sigio /dev/vser0 COUNT
//
// Prints COUNT bytes from the port and ends. The classic sequence is open, F_SETOWN, O_ASYNC, handler, read. What makes
// it correct:
//   - the handler only notes that something happened: almost nothing may be called from a handler;
//   - the signal stays blocked except inside sigsuspend, so it cannot slip in between the test and the wait;
//   - the notification is an edge: it says "more arrived", not how much, and several arrivals may make one signal. So
//   read
//     until EAGAIN, on an O_NONBLOCK descriptor;
//   - bytes that came before O_ASYNC was set made no signal: read once before the first wait.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

volatile sig_atomic_t arrived = 1;

void note_arrival(int) { arrived = 1; }

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: sigio PORT COUNT\n", stderr);
        return 2;
    }
    long wanted = std::atol(argv[2]);

    sigset_t blocked;
    sigset_t while_waiting;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGIO);
    ::sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    struct sigaction action {};
    action.sa_handler = note_arrival;
    ::sigaction(SIGIO, &action, nullptr);

    const int port = ::open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port < 0 || ::fcntl(port, F_SETOWN, ::getpid()) < 0 ||
        ::fcntl(port, F_SETFL, ::fcntl(port, F_GETFL) | O_ASYNC) < 0) {
        std::perror(argv[1]);
        return 1;
    }

    while (wanted > 0) {
        while (!arrived) ::sigsuspend(&while_waiting);
        arrived = 0;
        std::array<char, 256> buffer;
        ssize_t count = 0;
        while (wanted > 0 && (count = ::read(port, buffer.data(), buffer.size())) > 0) {
            std::fwrite(buffer.data(), 1, static_cast<std::size_t>(count), stdout);
            wanted -= count;
        }
        if (count < 0 && errno != EAGAIN) {
            std::perror("read");
            return 1;
        }
    }
    ::close(port);
    return 0;
}
