#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/daemon.hpp"
#include "base/result.hpp"
#include "hub/hub.hpp"
#include "metrics/exporter.hpp"
#include "rpc/server.hpp"
#include "web/server.hpp"

namespace vserd {

/// Starts the metrics: by themselves, or for [web] to show, if that has the same address.
Result<std::unique_ptr<metrics::Exporter>> start_exporter(const config::Config& config, metrics::Sources sources);

/// Starts [web]. Null: it is off. In the demo it may also be missing because another program has its port.
Result<std::unique_ptr<web::Server>> start_web(const DaemonOptions& options, hub::Hub& hub, rpc::Server& calls,
                                               std::shared_ptr<const net::CertificateStore> certificates,
                                               const metrics::Exporter* exporter, roster::Roster* roster);

/// For people; empty: there is none.
std::string page_address(const web::Server* server);

/// What the metrics show. Null: nothing. Any thread.
std::vector<metrics::RpcCount> counts_of(const rpc::Server* server);
std::vector<metrics::WebCount> counts_of(const web::Server* server);

}  // namespace vserd
