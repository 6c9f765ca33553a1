#include "metrics/collector.hpp"

#include <atomic>
#include <utility>

#include "metrics/process_stats.hpp"

namespace vserd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

MetricFamily family(MetricType type, std::string name, std::string help) {
    return {std::move(name), std::move(help), type, {}};
}

void add(MetricFamily& to, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    to.metric.push_back(std::move(metric));
}

template <class T>
double value_of(const std::atomic<T>& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
}

/// A family with one sample for each port.
template <class T>
MetricFamily per_port(const hub::StatsList& ports, MetricType type, std::string name, std::string help,
                      std::atomic<T> port::PortStats::*member) {
    MetricFamily result = family(type, std::move(name), std::move(help));
    result.metric.reserve(ports.size());
    for (const auto& port : ports) add(result, {{"port", port->name}}, value_of((*port).*member));
    return result;
}

/// The value of a second label, and its counter.
struct Part {
    const char* value;
    std::atomic<std::uint64_t> port::PortStats::*member;
};

MetricFamily per_port_and(const hub::StatsList& ports, const char* label, std::string name, std::string help,
                          const std::vector<Part>& parts) {
    MetricFamily result = family(MetricType::Counter, std::move(name), std::move(help));
    result.metric.reserve(ports.size() * parts.size());
    for (const auto& port : ports) {
        for (const Part& part : parts)
            add(result, {{"port", port->name}, {label, part.value}}, value_of((*port).*part.member));
    }
    return result;
}

void append_ports(std::vector<MetricFamily>& to, const hub::StatsList& ports) {
    using port::PortStats;
    constexpr auto gauge = MetricType::Gauge;
    constexpr auto counter = MetricType::Counter;
    to.push_back(per_port(ports, gauge, "vserd_port_up",
                          "1 while the port's device is open, 0 while it is disconnected.", &PortStats::up));
    to.push_back(
        per_port(ports, counter, "vserd_port_rx_bytes_total", "Bytes received from the device.", &PortStats::rx_bytes));
    to.push_back(
        per_port(ports, counter, "vserd_port_tx_bytes_total", "Bytes written to the device.", &PortStats::tx_bytes));
    to.push_back(per_port(ports, gauge, "vserd_port_baud", "Speed in force, in bits per second.", &PortStats::baud));
    to.push_back(per_port(ports, gauge, "vserd_port_readers", "Readers attached to the port.", &PortStats::readers));
    to.push_back(per_port(ports, counter, "vserd_port_gap_bytes_total",
                          "Bytes reported to readers as lost because the log had overtaken them, summed over readers.",
                          &PortStats::gap_bytes));
    to.push_back(per_port(ports, counter, "vserd_port_reopens_total",
                          "Times the device was opened again after it had gone.", &PortStats::reopens));
    to.push_back(per_port_and(
        ports, "op", "vserd_port_io_errors_total", "Operations on the device that failed.",
        {{"open", &PortStats::open_errors}, {"read", &PortStats::read_errors}, {"write", &PortStats::write_errors}}));
    to.push_back(per_port_and(ports, "kind", "vserd_port_line_errors_total",
                              "Line errors and breaks that the driver counted.",
                              {{"frame", &PortStats::line_frame_errors},
                               {"parity", &PortStats::line_parity_errors},
                               {"overrun", &PortStats::line_overruns},
                               {"break", &PortStats::line_breaks}}));
    to.push_back(per_port(ports, counter, "vserd_port_log_files_cut_total",
                          "Times the file of the port's log was cut short from outside, and its history lost.",
                          &PortStats::logs_cut));
    to.push_back(per_port(ports, gauge, "vserd_port_tx_queue_bytes",
                          "Bytes accepted from clients and not yet written to the device.",
                          &PortStats::tx_queue_bytes));
    to.push_back(per_port(ports, gauge, "vserd_port_held_by_flow_control",
                          "1 while flow control keeps waiting bytes from the device.",
                          &PortStats::held_by_flow_control));
    to.push_back(per_port(ports, gauge, "vserd_port_foreign_readers",
                          "Other processes that have the device open and may read its bytes.",
                          &PortStats::foreign_readers));
    to.push_back(per_port(ports, counter, "vserd_port_refused_bytes_total",
                          "Bytes refused because another client held the port.", &PortStats::refused_bytes));
    to.push_back(per_port(ports, gauge, "vserd_lease_held",
                          "1 while a client holds the port, so that others cannot write to it.",
                          &PortStats::lease_held));
}

/// Nothing without an archive.
void append_archive(std::vector<MetricFamily>& to, const Sources& sources, const hub::StatsList& ports) {
    const auto errors = sources.hub.archive_errors();
    if (!errors) return;
    constexpr auto gauge = MetricType::Gauge;
    constexpr auto counter = MetricType::Counter;
    to.push_back(per_port(ports, gauge, "vserd_archive_bytes",
                          "Size of the port's archive on the disk; updated once a minute.",
                          &port::PortStats::archive_bytes));
    to.push_back(per_port(ports, gauge, "vserd_archive_oldest_timestamp_seconds",
                          "Time of the oldest record in the port's archive; 0 if there is none.",
                          &port::PortStats::archive_oldest_s));
    to.push_back(per_port(ports, gauge, "vserd_archive_unsynced_bytes",
                          "Archived bytes that a power loss would cost, because they are not yet on the disk.",
                          &port::PortStats::archive_unsynced_bytes));
    to.push_back(per_port(ports, counter, "vserd_archive_gap_bytes_total",
                          "Bytes that are missing in the port's archive.", &port::PortStats::archive_gap_bytes));
    to.push_back(per_port(ports, counter, "vserd_archive_tx_lost_bytes_total",
                          "Bytes sent to the device that record_tx did not record, because the disk was too slow.",
                          &port::PortStats::archive_tx_lost_bytes));
    to.push_back(
        per_port(ports, counter, "vserd_archive_unused_offsets_total",
                 "Offsets that a crash left without bytes, and the few bytes that it cost; counted by the next start.",
                 &port::PortStats::archive_unused_offsets));
    MetricFamily failed = family(counter, "vserd_archive_errors_total",
                                 "Operations on the archive that failed; upkeep: sealing and retention.");
    add(failed, {{"op", "open"}}, value_of(errors->open));
    add(failed, {{"op", "write"}}, value_of(errors->write));
    add(failed, {{"op", "read"}}, value_of(errors->read));
    add(failed, {{"op", "upkeep"}}, value_of(errors->upkeep));
    to.push_back(std::move(failed));
}

/// Only ports that do not use the engine in vserd_engine_info.
MetricFamily engine_of_ports(const Sources& sources, const hub::StatsList& ports) {
    MetricFamily result =
        family(MetricType::Gauge, "vserd_port_engine_info",
               "A port whose device the engine in use cannot serve, and the one that does; always 1.");
    for (const auto& port : ports) {
        const std::string engine = port->engine.load(std::memory_order_relaxed);
        if (!engine.empty() && engine != sources.engine) add(result, {{"port", port->name}, {"engine", engine}}, 1);
    }
    return result;
}

void append_workers(std::vector<MetricFamily>& to, const port::WorkerStats& workers) {
    to.push_back(family(MetricType::Gauge, "vserd_workers_hung",
                        "Calls to a device's driver that are past their limit of 5 s and have not returned."));
    add(to.back(), {}, value_of(workers.hung));
    to.push_back(family(MetricType::Counter, "vserd_worker_refusals_total",
                        "Calls to a device's driver for which no thread was free or could be started within 5 s."));
    add(to.back(), {}, value_of(workers.refused));
}

void append_audit(std::vector<MetricFamily>& to, const Sources& sources) {
    const AuditCounts counts = sources.audit ? sources.audit() : AuditCounts{};
    to.push_back(family(MetricType::Counter, "vserd_audit_errors_total",
                        "Attempts to write to the audit trail that failed; the records wait for the next attempt."));
    add(to.back(), {}, static_cast<double>(counts.errors));
    to.push_back(family(MetricType::Counter, "vserd_audit_records_lost_total",
                        "Records that are missing in the audit trail, because too many waited for it."));
    add(to.back(), {}, static_cast<double>(counts.lost));
}

/// One sample for each value of the label.
void append_counts(std::vector<MetricFamily>& to, MetricFamily made, const char* label,
                   const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    for (const auto& [value, count] : counts) add(made, {{label, value}}, static_cast<double>(count));
    to.push_back(std::move(made));
}

/// Nothing without a fleet.
void append_fleet(std::vector<MetricFamily>& to, const Sources& sources) {
    const auto counts = sources.fleet ? sources.fleet() : std::nullopt;
    if (!counts) return;
    constexpr auto gauge = MetricType::Gauge;
    constexpr auto counter = MetricType::Counter;
    const auto single = [&](MetricType type, const char* name, const char* help, std::uint64_t value) {
        to.push_back(family(type, name, help));
        add(to.back(), {}, static_cast<double>(value));
    };
    single(gauge, "vserd_fleet_up", "1 while this vserd is registered in etcd and its copy of the fleet is up to date.",
           counts->up ? 1 : 0);
    single(gauge, "vserd_fleet_id_taken", "1 while another bridge that lives is registered with this vserd's id.",
           counts->id_taken ? 1 : 0);
    append_counts(to,
                  family(gauge, "vserd_fleet_ports",
                         "This vserd's ports by what they are in the fleet; conflict: another bridge owns the name."),
                  "state", counts->ports);
    append_counts(to, family(gauge, "vserd_fleet_entries", "Bridges and ports in this vserd's copy of the fleet."),
                  "kind", counts->entries);
    append_counts(to, family(counter, "vserd_fleet_errors_total", "Operations on etcd that failed."), "op",
                  counts->errors);
    single(counter, "vserd_fleet_lease_losses_total", "Leases in etcd that ended while vserd was running.",
           counts->lease_losses);
    single(counter, "vserd_fleet_relists_total",
           "Times the whole fleet was read, at the start and when etcd had forgotten the changes in between.",
           counts->relists);
    single(counter, "vserd_fleet_entries_ignored_total",
           "Values below the prefix that were ignored, because they are not vserd's or not valid.",
           counts->entries_ignored);
}

MetricFamily sessions_family(const hub::SessionBook& sessions) {
    MetricFamily result =
        family(MetricType::Gauge, "vserd_sessions", "Clients that are connected to a port, by the face that they use.");
    for (std::size_t face = 0; face < hub::SessionBook::faces.size(); ++face) {
        add(result, {{"via", std::string(hub::SessionBook::faces.at(face))}},
            static_cast<double>(sessions.count(face)));
    }
    return result;
}

MetricFamily delivery_family(const hub::DeliveryHistogram& histogram) {
    MetricFamily result =
        family(MetricType::Histogram, "vserd_delivery_seconds", "Time from the device read to the client write.");
    ClientMetric metric;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < hub::DeliveryHistogram::bounds_seconds.size(); ++i) {
        count += histogram.count(i);
        metric.histogram.bucket.push_back({count, hub::DeliveryHistogram::bounds_seconds[i]});
    }
    metric.histogram.sample_count = count + histogram.count(hub::DeliveryHistogram::bounds_seconds.size());
    metric.histogram.sample_sum = histogram.sum_seconds();
    result.metric.push_back(std::move(metric));
    return result;
}

MetricFamily info(std::string name, std::string help, Labels labels) {
    MetricFamily result = family(MetricType::Gauge, std::move(name), std::move(help));
    add(result, std::move(labels), 1);
    return result;
}

void append_server(std::vector<MetricFamily>& to, const Sources& sources) {
    to.push_back(info("vserd_build_info", "The version that runs; always 1.", {{"version", sources.version}}));
    to.push_back(info("vserd_engine_info", "The engine that moves the bytes; always 1.", {{"engine", sources.engine}}));
    MetricFamily refused = family(MetricType::Gauge, "vserd_engine_refused_info",
                                  "An engine that is preferred over the one in use, and why it was refused; always 1.");
    for (const auto& [engine, reason] : sources.engines_refused)
        add(refused, {{"engine", engine}, {"reason", reason}}, 1);
    to.push_back(std::move(refused));
    MetricFamily rpcs = family(MetricType::Counter, "vserd_rpc_total", "Calls that ended, by method and status code.");
    if (sources.rpc_counts) {
        for (const RpcCount& rpc : sources.rpc_counts()) {
            add(rpcs, {{"method", rpc.method}, {"code", rpc.code}}, static_cast<double>(rpc.count));
        }
    }
    to.push_back(std::move(rpcs));
    MetricFamily web =
        family(MetricType::Counter, "vserd_web_requests_total",
               "HTTP requests that were answered, by rpc or kind of page and HTTP status; 101: a WebSocket.");
    for (const WebCount& each : sources.web_counts ? sources.web_counts() : std::vector<WebCount>{}) {
        add(web, {{"method", each.method}, {"code", std::to_string(each.status)}}, static_cast<double>(each.count));
    }
    to.push_back(std::move(web));
    MetricFamily dropped = family(MetricType::Counter, "vserd_log_lines_dropped_total",
                                  "Lines of the daemon's own log that could not be written in time.");
    add(dropped, {}, sources.journal_lines_dropped ? static_cast<double>(sources.journal_lines_dropped()) : 0);
    to.push_back(std::move(dropped));
}

/// Empty without TLS.
MetricFamily expiry_family(const Sources& sources) {
    MetricFamily result =
        family(MetricType::Gauge, "vserd_certificate_expiry_timestamp_seconds",
               "When the first certificate in a file of [server.tls] expires, in seconds since the epoch.");
    if (!sources.certificates) return result;
    for (const net::Expiry& each : sources.certificates->expiries()) {
        add(result, {{"file", each.file}}, std::chrono::duration<double>(each.time.time_since_epoch()).count());
    }
    return result;
}

MetricFamily refused_family(const Sources& sources, const std::vector<net::Refused>& own) {
    MetricFamily result = family(MetricType::Counter, "vserd_refused_total",
                                 "Connections closed and calls refused at a limit, by the way in and the limit.");
    const auto add_all = [&](std::string_view via, const std::vector<net::Refused>& counts) {
        for (const net::Refused& each : counts) {
            add(result, {{"via", std::string(via)}, {"reason", std::string(each.reason)}},
                static_cast<double>(each.count));
        }
    };
    add_all("metrics", own);
    for (const net::FrontEnd* each : sources.front_ends()) add_all(each->name(), each->refused());
    return result;
}

void append_clients(std::vector<MetricFamily>& to, const Sources& sources) {
    MetricFamily clients =
        family(MetricType::Gauge, "vserd_tcp_clients", "Clients connected to a port's listeners, by protocol.");
    MetricFamily behind = family(MetricType::Counter, "vserd_tcp_clients_fell_behind_total",
                                 "Clients that were disconnected because they did not take the port's bytes in time.");
    for (const net::FrontEnd* each : sources.front_ends()) {
        for (const net::PortClients& counts : each->port_clients()) {
            const Labels labels{{"port", counts.port}, {"protocol", std::string(counts.protocol)}};
            add(clients, labels, static_cast<double>(counts.connected));
            add(behind, labels, static_cast<double>(counts.fell_behind));
        }
    }
    to.push_back(std::move(clients));
    to.push_back(std::move(behind));
}

void append_process(std::vector<MetricFamily>& to) {
    const ProcessStats stats = read_process_stats();
    const auto single = [&](MetricType type, const char* name, const char* help, double value) {
        to.push_back(family(type, name, help));
        add(to.back(), {}, value);
    };
    single(MetricType::Counter, "process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
           stats.cpu_seconds);
    single(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory, in bytes.",
           static_cast<double>(stats.resident_bytes));
    single(MetricType::Gauge, "process_virtual_memory_bytes", "Virtual memory, in bytes.",
           static_cast<double>(stats.virtual_bytes));
    single(MetricType::Gauge, "process_open_fds", "Open file descriptors.", static_cast<double>(stats.open_fds));
    single(MetricType::Gauge, "process_max_fds", "The most file descriptors that may be open.",
           static_cast<double>(stats.max_fds));
    single(MetricType::Gauge, "process_start_time_seconds", "When the process started, in seconds since the epoch.",
           stats.start_time_seconds);
    single(MetricType::Gauge, "process_threads", "Threads of the process.", static_cast<double>(stats.threads));
}

}  // namespace

Collector::Collector(Sources sources) : sources_(std::move(sources)) {}

std::vector<MetricFamily> Collector::collect(const std::vector<net::Refused>& refused) const {
    std::vector<MetricFamily> families;
    append_server(families, sources_);
    families.push_back(expiry_family(sources_));
    families.push_back(refused_family(sources_, refused));
    const auto ports = sources_.hub.stats();
    append_ports(families, ports ? *ports : hub::StatsList{});
    families.push_back(engine_of_ports(sources_, ports ? *ports : hub::StatsList{}));
    append_archive(families, sources_, ports ? *ports : hub::StatsList{});
    append_workers(families, sources_.hub.workers());
    append_clients(families, sources_);
    families.push_back(delivery_family(sources_.hub.delivery()));
    families.push_back(sessions_family(sources_.hub.sessions()));
    append_audit(families, sources_);
    append_fleet(families, sources_);
    append_process(families);
    return families;
}

}  // namespace vserd::metrics
