#include "vserctl/tty_options.hpp"

#include <CLI/CLI.hpp>

namespace vserctl {

void add_tty_options(CLI::App& app, TtyCommand& command) {
    app.add_option("PORT", command.port, "The port's name")->required()->type_name("");
    app.add_option("--link", command.link, "A symbolic link to the terminal; it is removed at the end")
        ->type_name("PATH")
        ->check(
            [](const std::string& path) { return path.empty() ? std::string("the path is empty") : std::string(); });
    app.add_flag("--exclusive", command.exclusive, "Prevent other clients from writing meanwhile");
    app.add_flag("--keep", command.keep, "Hold what arrives while no program has the terminal open, for the next one");
}

}  // namespace vserctl
