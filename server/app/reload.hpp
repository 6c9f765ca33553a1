#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/load.hpp"
#include "app/access_control.hpp"
#include "app/daemon.hpp"
#include "app/disk_thread.hpp"
#include "app/supervision.hpp"
#include "config/config.hpp"
#include "hub/hub.hpp"
#include "net/tls.hpp"
#include "tcp/server.hpp"

namespace vserd::web {
class Server;
}

namespace vserd {

hub::HubConfig hub_config(const config::Config& config);
net::TlsFiles tls_files(const config::Config& config);
/// Copies the keys of [server.tls].
void copy_tls(const config::Config& from, config::Config& to);
std::vector<tcp::ListenOptions> tcp_listeners(const config::Config& config);

/// Reads the configuration file again and applies it. Disk accesses happen on the disk thread. All requests that arrive during
/// a reload are combined into one more reload. Io thread.
class Reload {
public:
    /// Updates the options to those in force.
    using TakeCertificates = std::function<void(const net::TlsPems&, const config::Config&)>;

    /// All outlive this, or stop() was called.
    Reload(DaemonOptions& options, hub::Hub& hub, tcp::Server& tcp, Supervision& supervision, DiskThread& disk,
           AccessControl& access, TakeCertificates take_certificates)
        : options_(options),
          hub_(hub),
          tcp_(tcp),
          supervision_(supervision),
          disk_(disk),
          access_(access),
          take_certificates_(std::move(take_certificates)) {}

    /// [web], which starts later. It outlives this, too.
    void set_web(web::Server& web) { web_ = &web; }

    void start();
    /// No changes happen from now on.
    void stop() noexcept { stopped_ = true; }

private:
    struct Files {
        std::optional<config::ParseResult> config;
        std::optional<Result<net::TlsPems>> tls;  ///< empty without TLS, before or after
        access::Loaded access;
    };

    void loaded(const Files& files);
    /// Why the files cannot be used; the journal has every reason. Nothing: they can.
    std::optional<std::string> problem_in(const Files& files) const;
    void fail(const std::string& why);
    void audit(const char* outcome, const std::string& detail);
    void apply(const config::Config& config, hub::Hub::Prepared logs, tcp::Server::OpenedSockets sockets);
    bool listen(const config::Config& config, tcp::Server::OpenedSockets sockets);
    void apply_web(const config::Config& after, config::Config& before);
    bool again();

    DaemonOptions& options_;
    hub::Hub& hub_;
    tcp::Server& tcp_;
    Supervision& supervision_;
    DiskThread& disk_;
    AccessControl& access_;
    const TakeCertificates take_certificates_;
    web::Server* web_ = nullptr;
    bool busy_ = false;
    bool wanted_again_ = false;
    bool stopped_ = false;
};

}  // namespace vserd
