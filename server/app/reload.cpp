#include "app/reload.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "web/server.hpp"

namespace vserd {
namespace {

/// What of [web] a reload has not changed: "; of [web]: listen".
std::string web_changes(const config::Config& before, const config::Config& after) {
    if (before.web == after.web) return {};
    if (!before.web || !after.web) return "; of [web]: whether it listens";
    std::vector<std::string_view> keys;
    if (before.web->listen != after.web->listen) keys.emplace_back("listen");
    if (before.web->tls != after.web->tls) keys.emplace_back("tls");
    return "; of [web]: " + base::joined(keys, ", ");
}

}  // namespace

hub::HubConfig hub_config(const config::Config& config) {
    hub::HubConfig result;
    result.limits.history_bytes = config.history_bytes_per_port;
    result.removed_ports_keep = config.removed_ports_keep;
    for (const config::PortEntry& entry : config.ports) {
        result.ports.push_back({entry.name,
                                entry.description,
                                entry.device,
                                entry.settings,
                                entry.tx_queue_bytes,
                                {entry.hangup_on_close},
                                entry.reopen_pts,
                                config.on_foreign_change == "restore",
                                entry.record_tx,
                                entry.labels});
    }
    return result;
}

net::TlsFiles tls_files(const config::Config& config) {
    return {config.tls_certificate_file, config.tls_key_file, config.tls_client_ca_file, config.tls_crl_file,
            config.tls_client_certificates == "optional"};
}

void copy_tls(const config::Config& from, config::Config& to) {
    to.tls_certificate_file = from.tls_certificate_file;
    to.tls_key_file = from.tls_key_file;
    to.tls_client_ca_file = from.tls_client_ca_file;
    to.tls_crl_file = from.tls_crl_file;
    to.tls_client_certificates = from.tls_client_certificates;
}

std::vector<tcp::ListenOptions> tcp_listeners(const config::Config& config) {
    std::vector<tcp::ListenOptions> listeners;
    for (const config::PortEntry& port : config.ports) {
        for (const config::ListenEntry& entry : port.listen) {
            tcp::ListenOptions& options = listeners.emplace_back();
            options.port = port.name;
            options.address = entry.address;
            if (entry.protocol == "telnet") options.protocol = tcp::Protocol::telnet;
            if (entry.protocol == "rfc2217") options.protocol = tcp::Protocol::rfc2217;
            if (entry.mode == "read-only") options.mode = tcp::Mode::read_only;
            if (entry.mode == "exclusive") options.mode = tcp::Mode::exclusive;
            options.replay_bytes = entry.replay_bytes;
            options.clients_max = entry.clients_max;
            options.tls = entry.tls;
            options.role = entry.role;
        }
    }
    return listeners;
}

void Reload::start() {
    if (stopped_) return;
    if (options_.config_file.empty()) return spdlog::warn("SIGHUP ignored: vserd runs without a configuration file");
    supervision_.reloading();
    if (std::exchange(busy_, true)) {
        wanted_again_ = true;
        return;
    }
    // The files may be on a slow disk.
    auto files = std::make_shared<Files>();
    const bool has_tls = !options_.config.tls_certificate_file.empty();
    disk_.run(
        [files, has_tls, file = options_.config_file] {
            files->config = config::load(file);
            const config::ParseResult& result = *files->config;
            if (result) files->access = access::load(result->access, std::chrono::system_clock::now());
            if (result && has_tls && !result->tls_certificate_file.empty())
                files->tls = net::load_tls(tls_files(*result));
        },
        [this, files] { loaded(*files); });
}

std::optional<std::string> Reload::problem_in(const Files& files) const {
    const config::ParseResult& result = *files.config;
    if (!result) {
        for (const config::Problem& problem : result.error()) spdlog::error("{}", to_string(problem));
        return to_string(result.error().front());
    }
    if (files.tls && !*files.tls) {
        const std::string why = fmt::format("{}: [server.tls]: {}", options_.config_file, files.tls->error().message);
        spdlog::error("{}", why);
        return why;
    }
    if (!files.access.authority) {
        for (const std::string& error : files.access.report.errors) spdlog::error("[access]: {}", error);
        return "[access]: " + files.access.report.errors.front();
    }
    if (result->ports.empty() && !options_.config.ports.empty()) {
        const std::string why = options_.config_file + ": has no [[port]], and a reload does not remove all ports";
        spdlog::error("{}; to run without ports, restart vserd", why);
        return why;
    }
    return std::nullopt;
}

void Reload::loaded(const Files& files) {
    if (stopped_) return;
    if (const auto problem = problem_in(files)) return fail(*problem);
    const config::ParseResult& result = *files.config;
    if (files.tls) take_certificates_(**files.tls, *result);
    access_.replace(result->access, files.access);
    auto work = hub_.disk_work(hub_config(*result));
    auto open = tcp_.prepare(tcp_listeners(*result));
    if (!work && !open) return apply(*result, {}, {});
    auto logs = std::make_shared<hub::Hub::Prepared>();
    auto sockets = std::make_shared<tcp::Server::OpenedSockets>();
    disk_.run(
        [work = std::move(work), open = std::move(open), logs, sockets] {
            if (work) *logs = work();
            if (open) *sockets = open();
        },
        [this, config = *result, logs, sockets] { apply(config, std::move(*logs), std::move(*sockets)); });
}

void Reload::fail(const std::string& why) {
    spdlog::error("the previous configuration stays in force");
    audit("failed", why);
    if (!again()) supervision_.reload_failed(why);
}

void Reload::apply(const config::Config& config, hub::Hub::Prepared logs, tcp::Server::OpenedSockets sockets) {
    if (stopped_) return;
    config::Config before = options_.config;
    config::Config after = config;
    options_.override_by_command_line(after);
    hub_.apply(hub_config(after), std::move(logs));
    const bool listens = listen(after, std::move(sockets));
    for (config::Config* target : {&options_.config, &before}) {
        target->ports = after.ports;
        target->history_bytes_per_port = after.history_bytes_per_port;
        target->removed_ports_keep = after.removed_ports_keep;
        target->on_foreign_change = after.on_foreign_change;
        target->access = after.access;
    }
    copy_tls(options_.config, before);
    apply_web(after, before);
    if (!(before == after)) {
        spdlog::warn(
            "ports, listeners of ports, history, certificates, [access], and hosts and connections_max of [web] were "
            "reloaded; other changes of {} need a restart{}",
            options_.config_file, web_changes(before, after));
    }
    audit("ok", fmt::format("{} ports", after.ports.size()));
    spdlog::info("reloaded {}: {} ports", options_.config_file, after.ports.size());
    if (!again() && listens) supervision_.ready();
}

/// [web] as a whole cannot come or go, nor can its addresses change.
void Reload::apply_web(const config::Config& after, config::Config& before) {
    if (web_ == nullptr || !after.web || !options_.config.web) return;
    web_->apply(after.web->hosts, after.web->connections_max);
    for (config::Config* target : {&options_.config, &before}) {
        target->web->hosts = after.web->hosts;
        target->web->connections_max = after.web->connections_max;
    }
}

void Reload::audit(const char* outcome, const std::string& detail) {
    access_.audit().add({.event = "reload", .via = "signal", .outcome = outcome, .detail = detail});
}

/// After the ports, so that each listener finds its own. Ports whose listener failed are served by all others.
bool Reload::listen(const config::Config& config, tcp::Server::OpenedSockets sockets) {
    const auto problems = tcp_.apply(tcp_listeners(config), std::move(sockets));
    for (const std::string& problem : problems) spdlog::error("{}", problem);
    if (!problems.empty()) supervision_.reload_failed(problems.front());
    return problems.empty();
}

/// Starts the next reload if one was requested meanwhile, and returns whether it did. systemd then waits for that one.
bool Reload::again() {
    busy_ = false;
    if (!std::exchange(wanted_again_, false)) return false;
    start();
    return true;
}

}  // namespace vserd
