#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>

#include "app/check.hpp"
#include "app/daemon.hpp"
#include "app/options.hpp"
#include "config/config.hpp"
#include "io/engine_signals.hpp"
#include "log/mapped_file.hpp"
#include "net/acceptor.hpp"

namespace {

using namespace vserd;

constexpr int failure_exit_code = 1;

/// Of a port: the device, and the far end of a simulated one; and its log's file in a folder.
constexpr std::size_t descriptors_per_port = 2;
constexpr std::size_t descriptors_per_file = 1;
/// Of all the rest: listeners, gRPC's pollers, and a few clients.
constexpr std::size_t descriptors_besides = 64;

/// Every port and every connection is a descriptor, and the soft limit is made for programs that use select(). Too low a
/// hard limit would show when the ports have taken all and nobody can connect to be told.
bool raise_descriptor_limit(const config::Config& config) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return true;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t ports = config.ports.size();
    const std::size_t each = descriptors_per_port + (config.state_dir.empty() ? 0 : descriptors_per_file);
    const std::size_t needed = net::descriptor_limit_for(ports * each + descriptors_besides);
    if (limit.rlim_max >= needed) return true;
    std::fprintf(
        stderr,
        "vserd: RLIMIT_NOFILE allows %llu descriptors and %zu ports need %zu: raise it (LimitNOFILE=%zu in the "
        "systemd unit, `ulimit -n %zu` in a shell)\n",
        static_cast<unsigned long long>(limit.rlim_max), ports, needed, needed, needed);
    return false;
}

/// Else the first descriptors that we open would be taken for standard output and error.
void open_missing_standard_descriptors() {
    int fd = 0;
    do fd = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open)
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) ::close(fd);
}

/// Before any thread starts, so that all inherit it: the loop and its engines take them from signalfds.
void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    io::block_engine_signals();
    std::signal(SIGPIPE, SIG_IGN);
}

/// The configuration, or nothing after its problems were printed.
bool load(const std::string& file, config::Config& config) {
    auto loaded = config::load(file);
    if (loaded) {
        config = std::move(*loaded);
        return true;
    }
    for (const config::Problem& problem : loaded.error()) std::fprintf(stderr, "%s\n", to_string(problem).c_str());
    return false;
}

int run(const Options& options) {
    DaemonOptions daemon{.config = {},
                         .config_file = options.config_file,
                         .strict = options.strict,
                         .demo = options.demo,
                         .listen = options.listen,
                         .metrics = options.metrics};
    if (options.demo) {
        daemon.config = config::demo();
    } else if (!load(options.config_file, daemon.config)) {
        return failure_exit_code;
    }
    if (options.command == Command::check) {
        return check(options.config_file, daemon.config);
    }
    daemon.override_by_command_line(daemon.config);
    if (!raise_descriptor_limit(daemon.config)) return failure_exit_code;
    block_signals();
    log::MappedFile::install_handler();
    return Daemon(std::move(daemon)).run();
}

}  // namespace

int main(int argc, char** argv) {
    open_missing_standard_descriptors();
    try {
        int exit_code = 0;
        const auto options = parse_options(argc, argv, exit_code);
        return options ? run(*options) : exit_code;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "vserd: %s\n", error.what());
        return failure_exit_code;
    }
}
