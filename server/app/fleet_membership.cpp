#include "app/fleet_membership.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "app/restart_job.hpp"
#include "base/address.hpp"
#include "base/name.hpp"
#include "config/fleet_table.hpp"

namespace vserd {
namespace {

/// Ours, for sd_id128_get_machine_app_specific().
constexpr sd_id128_t application = SD_ID128_MAKE(6d, 0b, 1e, 2f, 58, a4, 4c, 61, 9d, 27, c3, 70, e5, 1a, 84, b9);

/// The machine's own id is confidential. Empty: it has none.
std::string machine_hash() {
    sd_id128_t id{};
    if (::sd_id128_get_machine_app_specific(application, &id) < 0) return {};
    std::array<char, SD_ID128_STRING_MAX> text{};
    return ::sd_id128_to_string(id, text.data());
}

std::string host_name() {
    std::array<char, 256> name{};
    static_cast<void>(::gethostname(name.data(), name.size() - 1));
    return name.data();
}

Result<std::string> bridge_id(const config::FleetEntry& fleet) {
    std::string id = fleet.bridge.empty() ? host_name() : fleet.bridge;
    if (base::is_name(id)) return id;
    return Error{Failure::invalid_argument, 0, "bridge",
                 fmt::format("[fleet]: the host name '{}' cannot be the bridge's id; set 'bridge' in [fleet]", id)};
}

fleet::EtcdSettings etcd_settings(const config::FleetEntry& fleet) {
    fleet::EtcdSettings settings;
    for (const config::EtcdEndpoint& each : fleet.etcd) {
        const bool is_ipv6 = each.host.find(':') != std::string::npos;
        settings.endpoints.push_back(
            {each.url, fmt::format("{}:{}", is_ipv6 ? fmt::format("[{}]", each.host) : each.host, each.port),
             each.tls});
    }
    settings.user = fleet.user;
    settings.password_file = fleet.password_file;
    settings.ca_file = fleet.ca_file;
    settings.certificate_file = fleet.certificate_file;
    settings.key_file = fleet.key_file;
    settings.tls_name = fleet.tls_name;
    return settings;
}

}  // namespace

Result<fleet::Settings> fleet_settings(const config::Config& config) {
    const config::FleetEntry& fleet = *config.fleet;
    auto bridge = bridge_id(fleet);
    if (!bridge) return bridge.error();
    auto address = config::advertised_address(config);
    if (!address) return address.error();
    fleet::Settings settings;
    settings.etcd = etcd_settings(fleet);
    settings.prefix = fleet.prefix;
    settings.ttl = fleet.ttl;
    settings.bridge = std::move(*bridge);
    settings.address = std::move(*address);
    settings.tls = !config.tls_certificate_file.empty();
    settings.version = VSERD_VERSION;
    settings.metrics_address = config::advertised_metrics(config);
    settings.metrics_tls = config::has_metrics_on_web(config) ? config.web->tls : config.metrics_tls;
    settings.web = config::advertised_web(config);
    settings.machine = machine_hash();
    settings.restarts = is_restart_job;
    settings.warn = [](const std::string& message) { spdlog::warn("{}", message); };
    settings.inform = [](const std::string& message) { spdlog::info("{}", message); };
    return settings;
}

Result<void> check_fleet(const config::Config& config) {
    if (!config.fleet) return {};
    const auto settings = fleet_settings(config);
    if (!settings) return settings.error();
    return fleet::check_files(settings->etcd);
}

std::optional<std::string> fleet_warning(const config::Config& config) {
    if (!config.fleet) return std::nullopt;
    const auto advertised = config::advertised_address(config);
    const auto address = advertised ? base::parse_address(*advertised) : Error{};
    if (!address || !address->local) return std::nullopt;
    return fmt::format("[fleet]: clients on other machines cannot connect to {}; set 'advertise'", *advertised);
}

Result<void> FleetMembership::start(const config::Config& config, hub::Hub& hub) {
    if (!config.fleet) return {};
    auto settings = fleet_settings(config);
    if (!settings) return settings.error();
    if (const auto warning = fleet_warning(config)) spdlog::warn("{}", *warning);
    auto started = fleet::Fleet::start(hub, std::move(*settings), roster_);
    if (!started) return started.error();
    fleet_ = std::move(*started);
    published_.store(fleet_.get());
    return {};
}

void FleetMembership::stop(const std::function<void()>& done) { fleet_ ? fleet_->stop(done) : done(); }

std::optional<metrics::FleetCounts> FleetMembership::counts() const {
    const fleet::Fleet* const fleet = published_.load();
    if (fleet == nullptr) return std::nullopt;
    const fleet::Counters& from = fleet->counters();
    metrics::FleetCounts counts;
    counts.up = from.up.load();
    counts.id_taken = from.id_taken.load();
    counts.ports = {{"owned", from.owned.load()}, {"conflict", from.conflict.load()}, {"pending", from.pending.load()}};
    counts.entries = {{"bridge", roster_.bridge_count()}, {"port", roster_.size()}};
    for (std::size_t op = 0; op < fleet::op_names.size(); ++op)
        counts.errors.emplace_back(fleet::op_names.at(op), from.errors.at(op).load());
    counts.lease_losses = from.lease_losses.load();
    counts.entries_ignored = from.entries_ignored.load();
    counts.relists = from.relists.load();
    return counts;
}

}  // namespace vserd
