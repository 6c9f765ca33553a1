// vser_fuzz: random system calls on the nodes from unprivileged processes, for a bounded time, while root unbinds ports
// and injects damage. It passes when everything it started ends, the module unloads and the kernel log is clean (which
// tests/kmod/run checks). `--seed N` repeats the calls of a run, though not their timing.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "fuzzer.hpp"
#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

constexpr int processes = 6;
constexpr int ports = 4;
constexpr uid_t nobody = 65534;

[[noreturn]] void child(unsigned seed, std::atomic<unsigned long>& calls) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    for (const int number : {SIGSEGV, SIGBUS, SIGILL}) ::signal(number, SIG_DFL);
    const rlimit files{256, 256};
    ::setrlimit(RLIMIT_NOFILE, &files);
    // Of all of them together: io_uring may start a thread for each request that blocks.
    const rlimit threads{200, 200};
    ::setrlimit(RLIMIT_NPROC, &threads);
    // A fuzzer's calls may hit its own memory; that is no reason to write a core file.
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(3);
    Fuzzer{seed, calls}.run();
}

pid_t start(unsigned seed, std::atomic<unsigned long>& calls) {
    const pid_t pid = ::fork();
    if (pid == 0) child(seed, calls);
    return pid;
}

void open_to_everyone(int port) {
    open_port(port);
    ::chmod(node_path(port).c_str(), 0666);
}

/// What root may do meanwhile: damage on the wire, or a port taken away and brought back.
void make_trouble(std::minstd_rand& random) {
    const int port = static_cast<int>(random() % ports);
    if (random() % 4 == 0) {
        unbind(port);
        bind(port);
        open_to_everyone(port);
        return;
    }
    const char* names[] = {"inject_parity", "inject_frame", "inject_overrun", "inject_break",
                           "bit_flip_ppm",  "drop_ppm",     "link_down",      "ring"};
    const char* name = names[random() % std::size(names)];
    set_sysfs(port, std::string{"faults/"} + name, std::to_string(random() % 2));
}

/// Runs until the time is over; false when a child ended in a way that it must not. Children that hit their own memory
/// are replaced.
bool watch(std::vector<pid_t>& children, unsigned& next_seed, std::atomic<unsigned long>& calls,
           std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    std::minstd_rand random{next_seed};
    for (unsigned tick = 0; std::chrono::steady_clock::now() < end; ++tick) {
        int status = 0;
        const pid_t gone = ::waitpid(-1, &status, WNOHANG);
        if (gone > 0 && WIFEXITED(status)) {
            std::printf("fuzz: a process could not go on: exit status %d\n", WEXITSTATUS(status));
            return false;
        }
        for (auto& pid : children) {
            if (gone > 0 && pid == gone) pid = start(next_seed++, calls);
        }
        if (tick % 10 == 0) make_trouble(random);
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
}

bool end_all(std::size_t left, const std::vector<pid_t>& children) {
    for (const pid_t pid : children) ::kill(pid, SIGKILL);
    const auto gone = [&] {
        while (left > 0 && ::waitpid(-1, nullptr, WNOHANG) > 0) --left;
        return left == 0;
    };
    if (eventually(gone, 60)) return true;
    std::puts("fuzz: a process cannot be killed");
    return false;
}

bool round(const char* parameters, unsigned& seed, std::chrono::milliseconds time, std::atomic<unsigned long>& calls) {
    std::printf("fuzz: %s: seed %u\n", parameters, seed);
    std::fflush(stdout);  // before it may crash
    Module module{parameters};
    for (int port = 0; port < ports; ++port) open_to_everyone(port);
    std::vector<pid_t> children;
    while (children.size() < processes) children.push_back(start(seed++, calls));
    const unsigned unused = seed;
    if (!watch(children, seed, calls, time) || !end_all(children.size(), children)) return false;
    if (!eventually([] { return Module::remove() == 0; }, 60)) {
        std::puts("fuzz: the module cannot be unloaded");
        return false;
    }
    std::printf("fuzz: %s: %lu calls, %u restarts\n", parameters, calls.exchange(0), seed - unused);
    return true;
}

int run(int seconds, unsigned seed) {
    void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto& calls = *new (shared) std::atomic<unsigned long>{0};
    const std::chrono::milliseconds each{seconds * 500};
    for (const auto* parameters : {"pacing=0", "pacing=1 topology=pair fifo_bytes=16"}) {
        if (!round(parameters, seed, each, calls)) return 1;
    }
    return 0;
}

}  // namespace
}  // namespace vserd::kmodtest

int main(int argc, char** argv) {
    int seconds = 10;
    unsigned seed = std::random_device{}();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoi(argv[i + 1]);
        if (std::strcmp(argv[i], "--seed") == 0) seed = static_cast<unsigned>(std::atol(argv[i + 1]));
    }
    return vserd::kmodtest::run(seconds, seed % 1000000000);
}
