#include "vserctl/port_choice.hpp"

#include <CLI/CLI.hpp>
#include <utility>

#include "vserctl/usage.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

client::Result<std::vector<client::Port>> named_ports(const client::Client& client,
                                                      const std::vector<std::string>& names) {
    if (names.empty()) return client.list_ports();
    std::vector<client::Port> ports;
    for (const auto& name : names) {
        auto port = client.get_port(name);
        if (!port) return std::move(port).error();
        ports.push_back(std::move(port).value());
    }
    return ports;
}

}  // namespace

void add_labels_option(CLI::App& app, std::optional<client::LabelSelector>& labels, const char* help) {
    app.add_option_function<std::string>(
           "-l,--labels",
           [&labels](const std::string& text) { labels = checked(client::LabelSelector::parse(text), "--labels"); },
           help)
        ->type_name("LABELS");
}

void add_port_choice(CLI::App& app, PortChoice& choice, const char* help) {
    app.add_option("PORT", choice.names, help)->type_name("");
    add_labels_option(app, choice.labels);
}

client::Result<std::vector<client::Port>> find_ports(const client::Client& client, const PortChoice& choice) {
    auto ports = named_ports(client, choice.names);
    if (!ports || !choice.labels) return ports;
    auto chosen = std::move(ports).value();
    std::erase_if(chosen, [&](const client::Port& port) { return !choice.labels->matches(port.labels); });
    return chosen;
}

}  // namespace vserctl
