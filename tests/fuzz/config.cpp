// A configuration file of any bytes: complaints with their places, or values that every layer below takes.
#include "config/config.hpp"

#include <algorithm>
#include <set>

#include "base/address.hpp"
#include "config/limits.hpp"
#include "fuzz/fuzz.hpp"
#include "io/engine_select.hpp"
#include "sim/sim_spec.hpp"

using namespace vserd;

namespace {

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void require_addresses(const config::Config& config) {
    require(!config.listen.empty(), "a server listens somewhere");
    for (const auto& text : config.listen) {
        const auto address = base::parse_address(text);
        require(address.has_value(), "a listen address is one");
        const bool is_protected = !config.tls_certificate_file.empty() && config::has_rules(config);
        require(address->local || config.allow_insecure_remote || is_protected,
                "other machines reach no address without TLS and a rule, unless the file allows it");
        require(!has_control_characters(text), "an address is printable");
    }
    if (config.metrics.empty()) return;
    const auto metrics = base::parse_address(config.metrics);
    require(metrics && !metrics->unix_socket, "metrics are served by TCP");
}

void require_ports(const config::Config& config) {
    std::set<std::string> names;
    for (const auto& port : config.ports) {
        require(!port.name.empty() && port.name.size() <= config::name_bytes_max, "a port has a name");
        require(names.insert(port.name).second, "and nobody else has it");
        require(!port.device.empty() && !has_control_characters(port.device), "a device is a path");
        require(!has_control_characters(port.description), "a description is a line");
        require(port.tx_queue_bytes > 0, "its queue holds something");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = Input(data, size).rest();
    const auto parsed = config::parse(text, "fuzz.toml");
    if (!parsed) {
        require(!parsed.error().empty(), "a refusal says why");
        for (const auto& problem : parsed.error()) {
            require(!problem.message.empty(), "each problem says what it is");
            require(to_string(problem).starts_with("fuzz.toml:"), "and where");
        }
        return 0;
    }
    const auto& engines = io::engine_names();
    require(parsed->engine == "auto" || std::find(engines.begin(), engines.end(), parsed->engine) != engines.end(),
            "the configuration knows the engines that there are");
    require(parsed->drain_limit.count() >= 0 && parsed->history_bytes_per_port > 0, "limits are limits");
    require_addresses(*parsed);
    require_ports(*parsed);
    require(*config::parse(text, "other.toml") == *parsed, "the same text is the same configuration");
    return 0;
}
