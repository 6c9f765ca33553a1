#include "fleet/scale/simulated_bridge.hpp"

#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <utility>

namespace vserd::fleet_scale {
namespace {

constexpr std::chrono::milliseconds call_limit{30'000};  // everybody asks one etcd at once
constexpr std::chrono::milliseconds farewell_limit{5000};

void print(const std::string& message) { fmt::print(stderr, "{}\n", message); }

fleet::Settings settings_of(const Plan& plan, std::size_t index) {
    fleet::Settings settings;
    settings.etcd.endpoints.push_back({"http://" + plan.etcd, plan.etcd, false});
    settings.prefix = "/vserd/v1";
    settings.bridge = bridge_name(index);
    settings.address = fmt::format("{}.example:50051", settings.bridge);
    settings.tls = true;
    settings.version = VSERD_VERSION;
    settings.metrics_address = fmt::format("{}.example:9464", settings.bridge);
    settings.web = fmt::format("https://{}.example:8080", settings.bridge);
    settings.machine = fmt::format("{:032x}", index);
    settings.warn = print;
    settings.inform = [](const std::string&) {};
    return settings;
}

/// As long as a careful operator makes them.
roster::Port port_of(const fleet::Settings& settings, std::size_t bridge, std::size_t index) {
    roster::Port port;
    port.name = port_name(bridge, index);
    port.bridge = settings.bridge;
    port.address = settings.address;
    port.tls = settings.tls;
    port.online = true;
    port.description = fmt::format("console of node {} in rack {}", index, bridge);
    port.log_id = fmt::format("{:016x}{:016x}", bridge, index);
    port.labels = {{"rack", std::to_string(bridge)}, {"board", "rpi4"}};
    return port;
}

}  // namespace

std::string bridge_name(std::size_t bridge) { return fmt::format("lab{:04}", bridge); }
std::string port_name(std::size_t bridge, std::size_t port) { return fmt::format("rack{:04}-node{:02}", bridge, port); }

SimulatedBridge::SimulatedBridge(std::shared_ptr<boost::asio::io_context> context, const Plan& plan, std::size_t index,
                                 bool has_mirror)
    : index_(index),
      context_(std::move(context)),
      settings_(settings_of(plan, index)),
      health_(settings_, roster_, counters_),
      link_(context_, settings_.etcd, counters_, call_limit),
      lease_(*context_, link_, health_, counters_, settings_.ttl, [this] { registrar_.lease_changed(); }),
      registrar_(*context_, link_, health_, settings_, lease_) {
    if (has_mirror) mirror_.emplace(*context_, link_, health_, counters_, settings_, roster_, registrar_);
}

void SimulatedBridge::start(std::size_t ports) {
    for (std::size_t port = 0; port < ports; ++port) registrar_.want(port_of(settings_, index_, port));
    boost::asio::co_spawn(*context_, lease_.run(), boost::asio::detached);
    boost::asio::co_spawn(*context_, registrar_.run(), boost::asio::detached);
    if (mirror_) boost::asio::co_spawn(*context_, mirror_->run(), boost::asio::detached);
}

void SimulatedBridge::stop(std::function<void()> done) {
    boost::asio::co_spawn(*context_, leave(std::move(done)), boost::asio::detached);
}

fleet::Awaitable<> SimulatedBridge::leave(std::function<void()> done) {
    if (mirror_) mirror_->stop();
    registrar_.stop();
    lease_.stop();
    link_.close();
    if (lease_.id() != 0) static_cast<void>(co_await link_.revoke(lease_.id(), farewell_limit));
    done();
}

}  // namespace vserd::fleet_scale
