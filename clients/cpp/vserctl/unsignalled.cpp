#include "vserctl/unsignalled.hpp"

#include <csignal>
#include <thread>

namespace vserctl {

void run_unsignalled(const std::function<void()>& work) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread worker(work);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    worker.join();
}

}  // namespace vserctl
