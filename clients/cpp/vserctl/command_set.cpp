#include "vserctl/command_set.hpp"

#include <CLI/CLI.hpp>

namespace vserctl {

CLI::App* CommandSet::add(const char* name, const char* description, const char* examples, Maker maker) {
    auto* command = app_.add_subcommand(name, description);
    command->footer(std::string("Examples:\n") + examples);
    makers_.emplace_back(command, maker);
    return command;
}

void CommandSet::add_port(CLI::App* command) {
    command->add_option("PORT", arguments_.port, "The port's name")->required()->type_name("");
}

std::optional<Command> CommandSet::parsed() const {
    for (const auto& [command, maker] : makers_)
        if (command->parsed()) return maker(arguments_);
    return std::nullopt;
}

}  // namespace vserctl
