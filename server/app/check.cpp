#include "app/check.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "access/load.hpp"
#include "app/check_access.hpp"
#include "app/fleet_membership.hpp"
#include "app/reload.hpp"
#include "archive/served.hpp"
#include "base/text.hpp"
#include "capture/capture_reader.hpp"
#include "io/engine_select.hpp"
#include "net/listen_socket.hpp"
#include "net/tls.hpp"
#include "restart/state_directory.hpp"
#include "sim/sim_spec.hpp"

namespace vserd {
namespace {

/// Whether vserd could start with these files and clients could connect; if not, prints why. A certificate that expires soon
/// only gives a warning.
bool check_tls(const std::string& file, const net::TlsFiles& tls) {
    const auto loaded = net::load_tls(tls);
    const auto now = std::chrono::system_clock::now();
    const auto problems = loaded ? net::expiry_warnings(*loaded, now) : std::vector{loaded.error().message};
    for (const std::string& problem : problems) {
        std::fprintf(stderr, "%s: [server.tls]: %s\n", file.c_str(), problem.c_str());
    }
    return loaded && !net::has_expired(*loaded, now);
}

/// Whether vserd could start with these addresses; if not, prints why. Binds none of them, because the daemon may be running.
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
    for (const std::string& address : config.web ? config.web->listen : std::vector<std::string>{}) {
        if (const auto checked = net::check_address(address, "listen", "[web]"); !checked) {
            std::fprintf(stderr, "%s: [web]: %s\n", file.c_str(), checked.error().message.c_str());
            usable = false;
        }
    }
    for (const config::PortEntry& port : config.ports) {
        for (const config::ListenEntry& entry : port.listen) {
            if (const auto checked = net::check_address(entry.address, "address", "[[port.listen]]"); !checked) {
                std::fprintf(stderr, "%s: port \"%s\": %s\n", file.c_str(), port.name.c_str(),
                             checked.error().message.c_str());
                usable = false;
            }
        }
    }
    return usable;
}

/// Whether vserd could start with the files of [access]; if not, prints why.
bool check_access(const std::string& file, const config::Config& config) {
    access::Loaded loaded = access::load(config.access, std::chrono::system_clock::now());
    for (const std::string& error : loaded.report.errors) std::fprintf(stderr, "%s\n", error.c_str());
    auto& warnings = loaded.report.warnings;
    if (loaded.authority) {
        auto more = access_warnings(config, loaded);
        std::move(more.begin(), more.end(), std::back_inserter(warnings));
    }
    for (const std::string& warning : warnings)
        std::fprintf(stderr, "%s: warning: %s\n", file.c_str(), warning.c_str());
    return loaded.authority != nullptr;
}

/// With [access], a listener grants nothing by itself.
void warn_of_listeners_without_role(const std::string& file, const config::Config& config) {
    if (!config.access) return;
    for (const config::PortEntry& port : config.ports) {
        for (const config::ListenEntry& entry : port.listen) {
            if (entry.role) continue;
            std::fprintf(
                stderr,
                "%s: warning: port \"%s\": the listener %s has no 'role', so only clients that a rule names may use "
                "it: by their user on a Unix socket, or by their certificate with tls = true\n",
                file.c_str(), port.name.c_str(), entry.address.c_str());
        }
    }
}

Result<void> check_engine(const config::Config& config) {
    const auto choice = io::select_engine(config.engine);
    if (!choice) return choice.error();
    return {};
}

Result<void> check_state(const config::Config& config) {
    const auto safe = restart::StateDirectory::check(config.state_dir);
    if (safe) return {};
    return Error{safe.error().failure, 0, "state_dir", "state_dir: " + safe.error().message};
}

/// The archive's directory, or the nearest one above it that exists, in which vserd would create it.
std::string existing_directory(std::filesystem::path path) {
    std::error_code ignored;
    while (path.has_relative_path() && !std::filesystem::exists(path, ignored)) path = path.parent_path();
    return path.string();
}

/// vserd starts without an archive that cannot be written, and reports it; another user may be able to write it.
void warn_of_archive(const std::string& file, const config::Config& config) {
    if (!config.archive) return;
    const std::string& wanted = config.archive->directory;
    const std::string directory = existing_directory(wanted);
    std::error_code ignored;
    const bool is_directory = std::filesystem::is_directory(directory, ignored);
    if (is_directory && ::access(directory.c_str(), W_OK | X_OK) == 0) return;
    const std::string why = is_directory ? std::strerror(errno) : "not a directory";
    std::fprintf(
        stderr,
        "%s: warning: [archive]: user %u cannot write %s: %s: %s; without it vserd archives nothing. Run the check as "
        "the user of vserd, and give it the directory\n",
        file.c_str(), static_cast<unsigned>(::geteuid()), wanted.c_str(), directory.c_str(), why.c_str());
}

/// Of a port that is not a device, but an archive or a capture.
Result<void> check_files_of(const std::string& device) {
    if (device.starts_with(archive::served_prefix)) {
        const auto served = archive::open_served(device.substr(archive::served_prefix.size()));
        return served ? Result<void>{} : served.error();
    }
    const auto spec = device.starts_with("sim:") ? sim::parse_sim_spec(device) : Result<sim::SimSpec>(sim::SimSpec{});
    if (!spec || spec->replay.file.empty()) return {};
    const auto capture = capture::CaptureReader::open(spec->replay.file);
    return capture ? Result<void>{} : capture.error();
}

/// The files may still come.
void warn_of_files(const std::string& file, const config::Config& config) {
    for (const config::PortEntry& port : config.ports)
        if (const auto checked = check_files_of(port.device); !checked)
            std::fprintf(stderr, "%s: warning: port %s: %s\n", file.c_str(), port.name.c_str(),
                         checked.error().message.c_str());
}

}  // namespace

bool can_start(const std::string& file, const config::Config& config) {
    const net::TlsFiles tls = tls_files(config);
    if (!tls.certificate.empty() && !check_tls(file, tls)) return false;
    if (!check_addresses(file, config) || !check_access(file, config)) return false;
    for (const auto& checked : {check_engine(config), check_state(config), check_fleet(config)}) {
        if (checked) continue;
        std::fprintf(stderr, "%s: %s\n", file.c_str(), checked.error().message.c_str());
        return false;
    }
    return true;
}

int check(const std::string& file, const config::Config& config) {
    if (!can_start(file, config)) return 1;
    if (config.ports.empty()) {
        std::fprintf(stderr, "%s: warning: there is no [[port]]; a reload rejects such a file\n", file.c_str());
    }
    for (const std::string& warning : config.warnings)
        std::fprintf(stderr, "%s: warning: %s\n", file.c_str(), warning.c_str());
    warn_of_listeners_without_role(file, config);
    warn_of_archive(file, config);
    warn_of_files(file, config);
    if (const auto warning = fleet_warning(config))
        std::fprintf(stderr, "%s: warning: %s\n", file.c_str(), warning->c_str());
    std::printf("%s: OK (%s)\n", file.c_str(), base::counted(config.ports.size(), "port").c_str());
    return 0;
}

}  // namespace vserd
