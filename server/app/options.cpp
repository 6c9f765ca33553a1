#include "app/options.hpp"

#include <CLI/CLI.hpp>

#include "base/address.hpp"

namespace vserd {
namespace {

constexpr int usage_exit_code = 2;

const char* const examples = R"(
Examples:
  vserd --demo                          serve simulated ports on 127.0.0.1:50051; needs nothing else
  vserd --config /etc/vserd/vserd.toml  serve the ports of a file
  vserd check /etc/vserd/vserd.toml     say what is wrong in a file, as FILE:LINE:COLUMN: message

Signals: SIGTERM and SIGINT write what was accepted and exit, a second one exits at once; SIGHUP reads the file again
without touching ports that did not change.)";

std::string address_problem(const std::string& text) {
    const auto address = base::parse_address(text);
    return address ? "" : address.error().message;
}

/// It is scraped over TCP; an empty one means none.
std::string metrics_problem(const std::string& text) {
    if (text.empty()) return {};
    const auto address = base::parse_address(text);
    if (!address) return address.error().message;
    return address->unix_socket ? "must be HOST:PORT, or \"\" for none: metrics are scraped over TCP" : "";
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
    Options options;
    std::string metrics;
    CLI::App app{"vserd " VSERD_VERSION ": holds serial devices open and serves them over gRPC", "vserd"};
    app.footer(examples);
    app.set_version_flag("--version", "vserd " VSERD_VERSION);
    app.add_option("-c,--config", options.config_file, "Configuration in TOML")->type_name("FILE");
    app.add_flag("--demo", options.demo, "Serve simulated ports, without a configuration");
    app.add_flag("--strict", options.strict, "Exit with an error when a device cannot be opened at the start");
    app.add_option("--listen", options.listen, "Listen here and not where the configuration says; may be given again")
        ->type_name("HOST:PORT|unix:/PATH")
        ->check(address_problem, "");
    auto* metrics_option =
        app.add_option("--metrics", metrics,
                       "Serve metrics here and not where the configuration says; \"\" for not at all")
            ->type_name("HOST:PORT")
            ->check(metrics_problem, "");
    auto* check =
        app.add_subcommand("check", "Validate a configuration and exit: 0 when it is right, 1 when it is not");
    check->add_option("file", options.config_file, "Configuration in TOML")->required()->type_name("FILE");

    try {
        app.parse(argc, argv);
        if (*check) {
            options.command = Command::check;
        } else if (options.demo == !options.config_file.empty()) {
            throw CLI::ValidationError(options.demo ? "--demo needs no --config; give one of them"
                                                    : "give --config FILE, or --demo to try it with simulated ports");
        }
    } catch (const CLI::ParseError& error) {
        exit_code = app.exit(error) == 0 ? 0 : usage_exit_code;
        return std::nullopt;
    }
    if (*metrics_option) options.metrics = metrics;
    return options;
}

}  // namespace vserd
