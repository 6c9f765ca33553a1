#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vser_client/client.hpp"
#include "vser_client/label_selector.hpp"

namespace CLI {
class App;
}

namespace vserctl {

/// The ports of a command: those that are named, or all; of these, those with the labels.
struct PortChoice {
    std::vector<std::string> names;
    std::optional<vser::client::LabelSelector> labels;
};

/// Adds --labels.
void add_labels_option(CLI::App& app, std::optional<vser::client::LabelSelector>& labels,
                       const char* help = "Only ports with these labels: rack=3,board!=rpi4,usb,!broken");
/// Adds PORT... and --labels.
void add_port_choice(CLI::App& app, PortChoice& choice, const char* help);

/// Fails if a named port does not exist. No port may have the labels.
vser::client::Result<std::vector<vser::client::Port>> find_ports(const vser::client::Client& client,
                                                                 const PortChoice& choice);

}  // namespace vserctl
