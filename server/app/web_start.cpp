#include "app/web_start.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "net/exposure.hpp"

namespace vserd {

Result<std::unique_ptr<metrics::Exporter>> start_exporter(const config::Config& config, metrics::Sources sources) {
    if (!config::has_metrics_on_web(config))
        return metrics::Exporter::start(config.metrics, std::move(sources), config.metrics_tls);
    const auto url = fmt::format("{}://{}/metrics", config.web->tls ? "https" : "http", config.metrics);
    return metrics::Exporter::start_shared(url, std::move(sources));
}

Result<std::unique_ptr<web::Server>> start_web(const DaemonOptions& options, hub::Hub& hub, rpc::Server& calls,
                                               std::shared_ptr<const net::CertificateStore> certificates,
                                               const metrics::Exporter* exporter, roster::Roster* roster) {
    const auto& web = options.config.web;
    if (!web) return nullptr;
    if (!options.config.allow_insecure_remote) {  // again, because the command line may name other addresses
        const auto checked = net::check_exposure(web->listen, {web->tls, config::has_rules(options.config)});
        if (!checked) return checked.error();
    }
    web::ServerOptions wanted{.listen = web->listen, .hosts = web->hosts, .connections_max = web->connections_max};
    wanted.roster = roster;
    if (web->tls) wanted.certificates = std::move(certificates);
    if (config::has_metrics_on_web(options.config)) wanted.metrics = [exporter] { return exporter->render(); };
    auto server = web::Server::start(hub, calls.local_calls(), calls.admission(), std::move(wanted));
    if (server || !options.demo) return server;
    spdlog::warn("{}; the demo has no page", server.error().message);  // the rest of it works without
    return nullptr;
}

std::string page_address(const web::Server* server) {
    return server != nullptr ? server->addresses().front() : std::string();
}

std::vector<metrics::RpcCount> counts_of(const rpc::Server* server) {
    std::vector<metrics::RpcCount> counts;
    if (server == nullptr) return counts;
    for (const auto& entry : server->counters().snapshot()) {
        counts.push_back({std::string(entry.method), std::string(entry.code), entry.count});
    }
    return counts;
}

std::vector<metrics::WebCount> counts_of(const web::Server* server) {
    std::vector<metrics::WebCount> counts;
    if (server == nullptr) return counts;
    for (auto& entry : server->counters().snapshot())
        counts.push_back({std::move(entry.method), entry.status, entry.count});
    return counts;
}

}  // namespace vserd
