#include "vserctl/etcd_directory.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/name.hpp"
#include "base/spelling.hpp"
#include "base/text.hpp"
#include "fleet/connection.hpp"
#include "fleet/entry_json.hpp"
#include "fleet/keys.hpp"
#include "vserctl/etcd_listing.hpp"
#include "vserctl/etcd_reader.hpp"

namespace vserctl {
namespace {

namespace client = vser::client;
namespace fleet = vserd::fleet;
namespace pb = etcdserverpb;
using vserd::Failure;

constexpr int listings_max = 3;
/// How many names a look-up that fails compares.
constexpr std::int64_t names_compared_max = 2000;
constexpr std::size_t shown_text_bytes_max = 100;

client::Code code_of(Failure failure) {
    switch (failure) {
        case Failure::unavailable:
        case Failure::timed_out: return client::Code::unavailable;
        case Failure::denied: return client::Code::permission_denied;
        case Failure::unauthenticated: return client::Code::unauthenticated;
        case Failure::invalid_argument: return client::Code::invalid_argument;
        case Failure::exhausted: return client::Code::resource_exhausted;
        default: return client::Code::unknown;
    }
}

/// One without a reason is an etcd that cannot be reached: see Error::is_transport().
client::Error error_of_etcd(const vserd::Error& error) {
    const client::Code code = code_of(error.failure);
    return {.code = code,
            .message = error.message,
            .reason = code == client::Code::unavailable ? "" : "ETCD",
            .metadata = {{"etcd", error.subject}}};
}

class EtcdDirectory final : public client::FleetDirectory {
public:
    EtcdDirectory(fleet::EtcdSettings settings, std::string prefix, std::chrono::milliseconds limit)
        : etcd_(std::move(settings), limit), prefix_(std::move(prefix)) {}

    client::Result<client::FleetPorts> ports() override {
        return list([](const EtcdListing& listing) { return listing.ports(); });
    }

    client::Result<client::FleetBridges> bridges() override {
        return list([](const EtcdListing& listing) { return listing.bridges(); });
    }

    client::Result<client::FoundPort> resolve(const std::string& name) override {
        if (!vserd::base::is_name(name)) return no_such_port(name, false);
        pb::RangeRequest request;
        request.set_key(fleet::port_key(prefix_, name));
        const auto answer = etcd_.range(request);
        if (!answer) return error_of_etcd(answer.error());
        if (answer->keys.kvs().empty()) return no_such_port(name, answer->stale);
        const mvccpb::KeyValue& key = *answer->keys.kvs().begin();
        auto port = fleet::port_of_json(name, key.value());
        if (!port) return unusable(key.key(), port.error());
        port->claim = key.create_revision();
        return client::FoundPort{.port = client_port(*port), .stale = answer->stale};
    }

private:
    template <class Take>
    auto list(Take take) -> client::Result<decltype(take(std::declval<const EtcdListing&>()))> {
        for (int left = listings_max;; --left) {
            EtcdListing listing(prefix_);
            const auto done = listing.read(etcd_);
            if (done) return take(listing);
            // etcd has forgotten the revision of the first page, or another member does not have it yet.
            if (done.error().failure != Failure::out_of_range || left == 1) return error_of_etcd(done.error());
        }
    }

    client::Error unusable(const std::string& key, const vserd::Error& why) const {
        return {
            .code = client::Code::failed_precondition,
            .message = fmt::format("the key {} in etcd cannot be used: the value {}",
                                   vserd::base::printable_text(key.substr(0, 2 * shown_text_bytes_max)), why.message),
            .reason = "FLEET_ENTRY"};
    }

    client::Error no_such_port(const std::string& name, bool stale) {
        const std::string asked = vserd::base::printable_text(name.substr(0, shown_text_bytes_max));
        std::string message = fmt::format("no bridge of the fleet has a port \"{}\"", asked);
        const std::vector<std::string> names = names_like(name);
        const std::string_view close = vserd::base::closest(name, {names.begin(), names.end()});
        if (!close.empty()) message += fmt::format("; did you mean \"{}\"?", close);
        if (names.empty())
            message += fmt::format("; etcd has no ports below {}: see {}", prefix_, etcd_option_name("prefix"));
        if (stale) message += "; this may be old: etcd has no leader";
        return {.code = client::Code::not_found,
                .message = message,
                .reason = "PORT_NOT_FOUND",
                .metadata = {{"port", asked}}};
    }

    /// The ports that begin with the same letter come first: a mistyped first letter is rare.
    std::vector<std::string> names_like(const std::string& name) {
        const std::string first = fleet::port_key(prefix_, "");
        const std::string middle = fleet::port_key(prefix_, name.substr(0, 1));
        const std::string end = fleet::end_of_keys(prefix_ + "/port");
        std::vector<std::string> names;
        add_names(std::max(middle, first), end, names);
        if (middle > first) add_names(first, middle, names);
        return names;
    }

    /// Adds nothing if etcd cannot be asked: these are suggestions.
    void add_names(const std::string& from, const std::string& end, std::vector<std::string>& names) {
        const auto room = names_compared_max - static_cast<std::int64_t>(names.size());
        if (room <= 0 || from >= end) return;
        pb::RangeRequest request;
        request.set_key(from);
        request.set_range_end(end);
        request.set_keys_only(true);
        request.set_limit(room);
        const auto answer = etcd_.range(request);
        if (!answer) return;
        for (const mvccpb::KeyValue& key : answer->keys.kvs()) {
            const std::string_view found = fleet::parse_key(key.key(), prefix_).name;
            if (vserd::base::is_name(found)) names.emplace_back(found);
        }
    }

    EtcdReader etcd_;
    const std::string prefix_;
};

fleet::EtcdSettings settings_of(const EtcdOptions& options) {
    fleet::EtcdSettings settings;
    for (const EtcdMember& member : options.members)
        settings.endpoints.push_back({member.url, member.address, member.tls});
    settings.user = options.user;
    settings.password_file = options.password_file;
    settings.ca_file = options.ca;
    settings.certificate_file = options.cert;
    settings.key_file = options.key;
    settings.tls_name = options.tls_name;
    settings.wording = {.option = etcd_option_name, .place = "", .tls_url = "etcds://", .rights = "read"};
    return settings;
}

}  // namespace

client::Result<std::shared_ptr<client::FleetDirectory>> open_etcd_directory(const EtcdOptions& options,
                                                                            std::chrono::milliseconds limit) {
    fleet::EtcdSettings settings = settings_of(options);
    if (const auto files = fleet::check_files(settings); !files) return error_of_etcd(files.error());
    return std::shared_ptr<client::FleetDirectory>(
        std::make_shared<EtcdDirectory>(std::move(settings), options.prefix, limit));
}

}  // namespace vserctl
