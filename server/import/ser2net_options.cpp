#include "import/ser2net_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/limits.hpp"
#include "import/words.hpp"

namespace vserd::importing {
namespace {

struct OptionAdvice {
    std::string_view option;  ///< "trace-" stands for every option that begins so
    std::string_view text;    ///< empty: nothing is lost
};

constexpr std::array option_advices{
    OptionAdvice{"accepter-retry-time", "vserd exits if it cannot listen at the start"},
    OptionAdvice{"allowed-users", "use [server.tls] with client_ca, or ssh"},
    OptionAdvice{"authdir", "use [server.tls] with client_ca, or ssh"},
    OptionAdvice{"banner", "vserd sends no banner"},
    OptionAdvice{"chardelay", ""},
    OptionAdvice{"closeon", "vserd disconnects no client because of what the device sends"},
    OptionAdvice{"closestr", "vserd sends nothing by itself; use `vserctl write`"},
    OptionAdvice{"connback", "vserd connects to nobody; a client can follow the port's events"},
    OptionAdvice{"connector-retry-time", ""},
    OptionAdvice{"dev-to-net-bufsize", ""},
    OptionAdvice{"led-", "vserd drives no LEDs"},
    OptionAdvice{"mdns-", ""},
    OptionAdvice{"mdns", "vserd announces no ports; use a file in /etc/avahi/services"},
    OptionAdvice{"net-to-dev-bufsize", ""},
    OptionAdvice{"no-con-to-acc", "every reader receives what the device sends"},
    OptionAdvice{"openstr", "vserd sends nothing by itself; use `vserctl write`"},
    OptionAdvice{"pamauth", "use [server.tls] with client_ca, or ssh"},
    OptionAdvice{"remaddr", "limit the addresses of clients with the firewall"},
    OptionAdvice{"sendon", "vserd sends bytes at once"},
    OptionAdvice{"signature", "vserd answers with its own signature"},
    OptionAdvice{"telnet-brk-on-sync", "a telnet client sends a break with the command BREAK"},
    OptionAdvice{"trace-", "vserd keeps what the port receives: `vserctl read PORT --follow >FILE`"},
};

const OptionAdvice* option_advice(std::string_view name) {
    const auto found = std::find_if(option_advices.begin(), option_advices.end(), [&](const OptionAdvice& advice) {
        return name == advice.option || (advice.option.ends_with('-') && name.starts_with(advice.option)) ||
               (name.starts_with(advice.option) && name.substr(advice.option.size()).starts_with('-'));
    });
    return found == option_advices.end() ? nullptr : &*found;
}

bool is_off(std::string_view value) {
    const std::string word = lower_case(value);
    return word.empty() || word == "false" || word == "no" || word == "off";
}

void set_clients(const ConnectionOption& option, ImportedPort& port) {
    const auto clients = number_of<std::uint32_t>(option.value);
    if (!clients) throw Fault{option.at, fmt::format("max-connections: '{}' is not a number", option.value)};
    const auto most = static_cast<std::uint32_t>(config::listen_clients_max);
    const std::uint32_t valid = std::clamp(*clients, 1U, most);
    if (valid != *clients)
        port.remarks.push_back({option.at, fmt::format("max-connections: at most {} in vserd", most)});
    for (ImportedListen& listen : port.listen) listen.entry.clients_max = valid;
}

/// ser2net's limit is one client, unless an option says otherwise. A new client that may replace the old one needs room.
void set_default_clients(bool kicks, Place at, ImportedPort& port) {
    for (ImportedListen& listen : port.listen) {
        if (!kicks)
            listen.entry.clients_max = 1;
        else
            listen.remarks.push_back({at, "kickolduser: clients share the port instead of replacing each other"});
    }
}

void apply(const ConnectionOption& option, ImportedPort& port) {
    if (option.name == "kickolduser" || option.name == "max-connections") return;
    if (option.name == "no-acc-to-con") {
        if (is_off(option.value)) return;
        for (ImportedListen& listen : port.listen) listen.entry.mode = "read-only";
        return;
    }
    const OptionAdvice* advice = option_advice(option.name);
    if (advice == nullptr) {
        port.remarks.push_back({option.at, fmt::format("{}: {}: not known to vserd", option.name, option.value)});
    } else if (!advice->text.empty() && !is_off(option.value)) {
        port.remarks.push_back({option.at, fmt::format("{}: {}: {}", option.name, option.value, advice->text)});
    }
}

}  // namespace

void apply_options(const std::vector<ConnectionOption>& options, Place at, const GensioDefaults& defaults,
                   ImportedPort& port) {
    const auto find = [&](std::string_view name) -> std::optional<ConnectionOption> {
        const auto own = std::find_if(options.rbegin(), options.rend(), [&](const auto& o) { return o.name == name; });
        if (own != options.rend()) return *own;
        if (auto value = defaults.find("ser2net", std::string(name)))
            return ConnectionOption{at, std::string(name), *value};
        return std::nullopt;
    };
    if (const auto most = find("max-connections")) {
        set_clients(*most, port);
    } else {
        const auto kick = find("kickolduser");
        set_default_clients(kick && is_true(kick->value), kick ? kick->at : at, port);
    }
    for (const ConnectionOption& option : options) apply(option, port);
}

}  // namespace vserd::importing
