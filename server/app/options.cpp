#include "app/options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/address.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"

namespace vserd {
namespace {

constexpr int usage_exit_code = 2;

const char* const examples = R"(
Examples:
  vserd --demo                          serve simulated ports on 127.0.0.1:50051; needs nothing else
  vserd --config /etc/vserd/vserd.toml  serve the ports of a file
  vserd check /etc/vserd/vserd.toml     report errors in a file as FILE:LINE:COLUMN: message
  vserd import /etc/ser2net.yaml        print a configuration that serves the same ports

Signals: SIGTERM and SIGINT write the accepted bytes, then exit; a second one exits at once. SIGHUP reloads the file;
ports that did not change are not interrupted.)";

const char* const import_notes = R"(
Examples:
  vserd import /etc/ser2net.yaml >vserd.toml
  vserd import /etc/conserver/conserver.cf >vserd.toml
)";

const char* const pki_notes = R"(
Examples:
  vserd pki init /etc/vserd/pki --name lab7.example --client ann    CA, certificate of this server, certificate of ann
  vserd pki client /etc/vserd/pki ci                                one more client
  vserd pki server /etc/vserd/pki --name lab7.example               renew: remove server.crt and server.key first

Clients are named by a URI, spiffe://vserd/NAME. Certificates are valid for two years, the CA for ten. No file is overwritten.
)";

void add_pki(CLI::App& app, Options& options) {
    auto* pki = app.add_subcommand("pki", "Make a private CA, and certificates of the server and of clients");
    pki->require_subcommand(1);
    pki->footer(pki_notes);
    const auto add = [&](const char* name, const char* summary, Command command) {
        auto* added = pki->add_subcommand(name, summary);
        added->add_option("DIR", options.pki.directory, "The directory of the CA")->required()->type_name("");
        added->callback([&options, command] { options.command = command; });
        return added;
    };
    auto* init = add("init", "Make a CA and a certificate of the server", Command::pki_init);
    auto* server = add("server", "Make another certificate of the server, to renew it", Command::pki_server);
    for (auto* each : {init, server}) {
        each->add_option("--name", options.pki.names,
                         "A host name or IP address by which clients reach this machine; can be repeated")
            ->type_name("HOST");
    }
    init->add_option("--client", options.pki.clients, "Make a certificate of this client; can be repeated")
        ->type_name("NAME");
    add("client", "Make certificates of clients", Command::pki_client)
        ->add_option("NAME", options.pki.clients, "The clients' names")
        ->required()
        ->type_name("");
}

std::string address_problem(const std::string& text) {
    const auto address = base::parse_address(text);
    return address ? "" : address.error().message;
}

/// Metrics and the page are served over TCP only; an empty address turns them off.
std::string metrics_problem(const std::string& text) {
    if (text.empty()) return {};
    const auto address = base::parse_address(text);
    if (!address) return address.error().message;
    return address->unix_socket ? "must be HOST:PORT, or \"\" to turn it off; it is served over TCP only" : "";
}

/// The program, and the commands that the command line names: "vserd", "vserd pki init".
std::vector<const CLI::App*> parsed_commands(const CLI::App& app) {
    std::vector<const CLI::App*> commands{&app};
    while (!commands.back()->get_subcommands().empty()) commands.push_back(commands.back()->get_subcommands().front());
    return commands;
}

std::string names_of(const std::vector<const CLI::App*>& commands, std::string_view separator) {
    std::vector<std::string> names;
    names.reserve(commands.size());
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    return base::joined(names, separator);
}

std::string unexpected(const std::vector<const CLI::App*>& commands, const std::string& argument) {
    if (commands.size() == 1 && !argument.starts_with('-'))
        return fmt::format("'{}' is not a command: {}; to serve the ports of a file: vserd --config FILE", argument,
                           names_of(commands.front()->get_subcommands(nullptr), ", "));
    std::vector<std::string> options;
    for (const CLI::App* command : commands)
        for (const CLI::Option* option : command->get_options())
            for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    return base::unexpected_argument(argument, options);
}

std::string usage_message(const std::vector<const CLI::App*>& commands, const CLI::ParseError& error) {
    const auto extras = commands.front()->remaining(true);
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) && !extras.empty())
        return unexpected(commands, extras.front());
    const auto below = commands.back()->get_subcommands(nullptr);
    if (error.get_name() == "RequiredError" && !below.empty())
        return fmt::format("a command is required: {}", names_of(below, ", "));
    return base::missing_value(error.what());
}

/// Prints help, the version or an error; returns the exit code.
int print(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const auto commands = parsed_commands(app);
    std::cerr << fmt::format("vserd: {}\nTry: {} --help\n", usage_message(commands, error), names_of(commands, " "));
    return usage_exit_code;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
    Options options;
    std::string metrics;
    std::string web;
    CLI::App app{"vserd " VSERD_VERSION ": holds serial devices open and serves them over gRPC", "vserd"};
    app.footer(examples);
    app.set_version_flag("--version", "vserd " VSERD_VERSION);
    app.add_option("-c,--config", options.config_file, "Configuration in TOML")->type_name("FILE");
    app.add_flag(
        "--demo", options.demo,
        "Serve simulated ports, without a configuration; over telnet and raw TCP too unless --listen is given");
    app.add_flag("--strict", options.strict, "Exit with an error if a device cannot be opened at the start");
    app.add_option("--listen", options.listen,
                   "Listen on this address instead of those in the configuration; can be repeated")
        ->type_name("HOST:PORT|unix:/PATH")
        ->check(address_problem, "");
    auto* metrics_option =
        app.add_option("--metrics", metrics,
                       "Serve metrics on this address instead of that in the configuration; \"\" turns them off")
            ->type_name("HOST:PORT")
            ->check(metrics_problem, "");
    auto* web_option = app.add_option("--web", web,
                                      "Serve the page, JSON and WebSockets on this address instead of those in the "
                                      "configuration; \"\" turns them off")
                           ->type_name("HOST:PORT")
                           ->check(metrics_problem, "");
    auto* check = app.add_subcommand("check", "Validate a configuration; exit with 0 if it is valid, 1 if not");
    check->add_option("FILE", options.config_file, "Configuration in TOML")->required()->type_name("");

    auto* import = app.add_subcommand("import", "Print the configuration that serves what ser2net or conserver serves");
    import->add_option("FILE", options.config_file, "ser2net.yaml, ser2net.conf or conserver.cf")
        ->required()
        ->type_name("");
    import->footer(import_notes);

    add_pki(app, options);

    try {
        app.parse(argc, argv);
        if (options.command != Command::run) return options;
        if (*check) {
            options.command = Command::check;
        } else if (*import) {
            options.command = Command::import;
        } else if (options.demo == !options.config_file.empty()) {
            throw CLI::ValidationError(options.demo
                                           ? "--demo and --config exclude each other"
                                           : "give --config FILE, or --demo to try vserd with simulated ports");
        }
    } catch (const CLI::ParseError& error) {
        exit_code = print(app, error);
        return std::nullopt;
    }
    if (*metrics_option) options.metrics = metrics;
    if (*web_option) options.web = web;
    return options;
}

}  // namespace vserd
