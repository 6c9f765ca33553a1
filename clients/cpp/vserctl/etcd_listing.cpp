#include "vserctl/etcd_listing.hpp"

#include <fmt/core.h>

#include <cstdint>
#include <utility>

#include "base/text.hpp"
#include "fleet/entry_json.hpp"
#include "fleet/keys.hpp"
#include "vserctl/etcd_options.hpp"

namespace vserctl {
namespace {

namespace client = vser::client;
namespace fleet = vserd::fleet;
namespace pb = etcdserverpb;
namespace roster = vserd::roster;
using vserd::Failure;
using vserd::Result;

constexpr std::int64_t page_keys_max = 500;
/// As many as a bridge keeps.
constexpr std::size_t listed_keys_max = 250'000;
constexpr std::size_t shown_key_bytes_max = 100;

client::FleetBridge client_bridge(const roster::Bridge& bridge, std::size_t ports) {
    return {.id = bridge.id,
            .address = bridge.address,
            .tls = bridge.tls,
            .version = bridge.version,
            .started = bridge.started,
            .metrics_address = bridge.metrics_address,
            .metrics_tls = bridge.metrics_tls,
            .web = bridge.web,
            .ports = static_cast<std::uint32_t>(ports)};
}

}  // namespace

client::FleetPort client_port(const roster::Port& port) {
    return {.name = port.name,
            .bridge = port.bridge,
            .address = port.address,
            .tls = port.tls,
            .description = port.description,
            .state = port.online ? client::State::online : client::State::offline,
            .log_id = port.log_id,
            .labels = {port.labels.begin(), port.labels.end()},
            .claim = port.claim};
}

Result<void> EtcdListing::read(EtcdReader& etcd) {
    pb::RangeRequest request;
    fleet::set_range(request, prefix_);
    request.set_limit(page_keys_max);
    for (bool more = true; more;) {
        const auto page = etcd.range(request);
        // Too many bytes in an answer: ask for fewer keys.
        if (!page && page.error().failure == Failure::exhausted && request.limit() > 1) {
            request.set_limit(request.limit() / 2);
            continue;
        }
        if (!page) return page.error();
        if (const auto taken = take(*page); !taken) return taken.error();
        if (request.revision() == 0) request.set_revision(page->keys.header().revision());
        more = page->keys.more() && !page->keys.kvs().empty();
        if (more) request.set_key(page->keys.kvs().rbegin()->key() + '\0');
    }
    return {};
}

client::FleetPorts EtcdListing::ports() const {
    client::FleetPorts all{.ports = {}, .status = status()};
    for (auto port = roster_.port_after(""); port; port = roster_.port_after(port->name))
        all.ports.push_back(client_port(*port));
    return all;
}

client::FleetBridges EtcdListing::bridges() const {
    client::FleetBridges all{.bridges = {}, .status = status()};
    for (const auto& bridge : roster_.bridges())
        all.bridges.push_back(client_bridge(*bridge, roster_.ports_of(bridge->id)));
    return all;
}

Result<void> EtcdListing::take(const EtcdReader::Answer& page) {
    stale_ = stale_ || page.stale;
    taken_ += static_cast<std::size_t>(page.keys.kvs_size());
    if (taken_ > listed_keys_max)
        return vserd::Error{Failure::exhausted, 0, "keys",
                            fmt::format("etcd has more than {} keys below {}; give the fleet a prefix of its own",
                                        listed_keys_max, prefix_)};
    for (const mvccpb::KeyValue& key : page.keys.kvs()) put(key);
    return {};
}

void EtcdListing::put(const mvccpb::KeyValue& key) {
    const fleet::Key parsed = fleet::parse_key(key.key(), prefix_);
    if (parsed.kind == fleet::KeyKind::foreign) return ignore(key.key(), "another program wrote it");
    if (parsed.kind == fleet::KeyKind::bridge) {
        auto bridge = fleet::bridge_of_json(parsed.name, key.value());
        return bridge ? roster_.put(std::move(*bridge)) : ignore(key.key(), "the value " + bridge.error().message);
    }
    auto port = fleet::port_of_json(parsed.name, key.value());
    if (!port) return ignore(key.key(), "the value " + port.error().message);
    port->claim = key.create_revision();
    roster_.put(std::move(*port));
}

void EtcdListing::ignore(std::string_view key, const std::string& why) {
    if (ignored_++ == 0)
        ignored_first_ = fmt::format("{}: {}", vserd::base::printable_text(key.substr(0, shown_key_bytes_max)), why);
}

std::string EtcdListing::problem() const {
    if (ignored_ > 0) return fmt::format("keys of etcd that are ignored: {}, such as {}", ignored_, ignored_first_);
    if (roster_.bridge_count() > 0) return {};
    return fmt::format("no bridge is registered in etcd below {}; is {} the 'prefix' in [fleet] of the bridges?",
                       prefix_, etcd_option_name("prefix"));
}

client::FleetStatus EtcdListing::status() const {
    return {.bridge = {}, .stale = stale_, .since = {}, .problem = problem(), .conflicts = {}};
}

}  // namespace vserctl
