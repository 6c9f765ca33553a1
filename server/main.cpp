#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "daemon.hpp"
#include "io/engine_signals.hpp"
#include "net/listen_socket.hpp"
#include "options.hpp"
#include "rpc/acceptor.hpp"
#include "rpc/tls.hpp"

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
    const std::size_t needed = rpc::descriptor_limit_for(ports * each + descriptors_besides);
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

/// Whether the start could use the files; otherwise prints why not. A certificate that expires is a warning only.
bool check_tls(const std::string& file, const rpc::TlsFiles& tls) {
    const auto loaded = rpc::load_tls(tls);
    const std::optional<std::string> warning =
        loaded ? rpc::expiry_warning(loaded->expires, std::chrono::system_clock::now())
               : std::optional(loaded.error().message);
    if (warning) std::fprintf(stderr, "%s: [server.tls]: %s\n", file.c_str(), warning->c_str());
    return loaded.has_value();
}

/// Whether the start could use the addresses; otherwise prints why not. It binds none: the daemon may be running.
bool check_addresses(const std::string& file, const config::Config& config) {
    bool usable = true;
    const auto check = [&](const std::string& address, const std::string& key) {
        if (const auto checked = net::check_address(address, key); !checked) {
            std::fprintf(stderr, "%s: [server]: %s\n", file.c_str(), checked.error().message.c_str());
            usable = false;
        }
    };
    for (const std::string& address : config.listen) check(address, "listen");
    if (!config.metrics.empty()) check(config.metrics, "metrics");
    return usable;
}

int run(const Options& options) {
    DaemonOptions daemon{
        .config = {}, .config_file = options.config_file, .strict = options.strict, .demo = options.demo};
    if (options.demo) {
        daemon.config = config::demo();
    } else if (!load(options.config_file, daemon.config)) {
        return failure_exit_code;
    }
    if (options.command == Command::check) {
        const config::Config& config = daemon.config;
        const rpc::TlsFiles tls{config.tls_certificate_file, config.tls_key_file, config.tls_client_ca_file};
        if (!tls.certificate.empty() && !check_tls(options.config_file, tls)) return failure_exit_code;
        if (!check_addresses(options.config_file, config)) return failure_exit_code;
        std::printf("%s: right, with %zu ports\n", options.config_file.c_str(), daemon.config.ports.size());
        return 0;
    }
    if (!options.listen.empty()) {
        daemon.config.listen = options.listen;
        daemon.config.listen_is_default = false;
    }
    if (options.metrics) daemon.config.metrics = *options.metrics;
    if (!raise_descriptor_limit(daemon.config)) return failure_exit_code;
    block_signals();
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
