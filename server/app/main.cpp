#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>

#include "app/check.hpp"
#include "app/daemon.hpp"
#include "app/import_command.hpp"
#include "app/options.hpp"
#include "config/config.hpp"
#include "io/engine_signals.hpp"
#include "log/mapped_file.hpp"
#include "net/acceptor.hpp"

namespace {

using namespace vserd;

constexpr int failure_exit_code = 1;

/// Descriptors of one port: the device, the far end of a simulated one, and its log file in `state_dir`.
constexpr std::size_t descriptors_per_port = 2;
constexpr std::size_t descriptors_per_file = 1;
/// Descriptors of everything else: listeners, gRPC's pollers, and a few clients.
constexpr std::size_t descriptors_other = 64;

/// Every port and every connection needs a descriptor. The soft limit is meant for programs that use select(), so raise it. A
/// hard limit that is too low must be an error now: later the ports would use all descriptors, and no client could connect.
bool raise_descriptor_limit(const config::Config& config) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return true;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t ports = config.ports.size();
    const std::size_t each = descriptors_per_port + (config.state_dir.empty() ? 0 : descriptors_per_file);
    std::size_t listeners = 0;
    for (const config::PortEntry& port : config.ports) listeners += port.listen.size();
    const std::size_t needed = net::descriptor_limit_for(ports * each + listeners + descriptors_other);
    if (limit.rlim_max >= needed) return true;
    std::fprintf(
        stderr,
        "vserd: RLIMIT_NOFILE allows %llu descriptors and %zu ports need %zu: raise it (LimitNOFILE=%zu in the "
        "systemd unit, `ulimit -n %zu` in a shell)\n",
        static_cast<unsigned long long>(limit.rlim_max), ports, needed, needed, needed);
    return false;
}

/// Threads that read large messages from clients would each keep the memory of theirs. Call before any thread starts.
void share_memory_among_threads() {
    constexpr int arenas_max = 4;
    ::mallopt(M_ARENA_MAX, arenas_max);
}

/// Otherwise the first descriptors that we open would become standard output and error.
void open_missing_standard_descriptors() {
    int fd = 0;
    do fd = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open)
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) ::close(fd);
}

/// Call before any thread starts, so that all threads inherit the mask. The loop and its engines read the signals from
/// signalfds.
void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    io::block_engine_signals();
    std::signal(SIGPIPE, SIG_IGN);
}

/// The configuration; or prints its problems and returns nothing.
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
    switch (options.command) {
        case Command::import: return import_configuration(options.config_file);
        case Command::pki_init: return pki_init(options.pki);
        case Command::pki_server: return pki_server(options.pki);
        case Command::pki_client: return pki_client(options.pki);
        case Command::run:
        case Command::check: break;
    }
    DaemonOptions daemon{.config = {},
                         .config_file = options.config_file,
                         .strict = options.strict,
                         .demo = options.demo,
                         .listen = options.listen,
                         .metrics = options.metrics,
                         .web = options.web};
    if (options.demo) {
        daemon.config = config::demo();
        // With --listen several demos can run at once, so none may claim the fixed ports.
        if (!options.listen.empty()) {
            daemon.config.web.reset();
            for (config::PortEntry& port : daemon.config.ports) port.listen.clear();
        }
    } else if (!load(options.config_file, daemon.config)) {
        return failure_exit_code;
    }
    if (options.command == Command::check) {
        return check(options.config_file, daemon.config);
    }
    daemon.override_by_command_line(daemon.config);
    if (!raise_descriptor_limit(daemon.config)) return failure_exit_code;
    share_memory_among_threads();
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
