#include "vserctl/server_options.hpp"

#include <CLI/CLI.hpp>

#include "vserctl/usage.hpp"

namespace vserctl {

CLI::Option* add_server_options(CLI::App& app, Options& options) {
    auto* server =
        app.add_option(
               "-s,--server", options.server,
               "HOST[:PORT], [IPV6][:PORT] or unix:/PATH of vserd, or the NAME of a server in the configuration")
            ->envname("VSERD_ADDRESS")
            ->default_val("127.0.0.1:50051")
            ->type_name("ADDRESS|NAME");
    app.add_option(
           "--fleet", options.fleet,
           "Bridges of a fleet, any of which finds the bridge of a port: HOST[:PORT], separated by commas; or its "
           "etcd: etcd://HOST[:PORT],..., with TLS etcds://HOST[:PORT],...")
        ->envname("VSERD_FLEET")
        ->delimiter(',')
        ->type_name("ADDRESS,...");
    add_etcd_options(app, options.etcd);
    app.add_option("--config", options.config_file,
                   "Read named servers from this file instead of ~/.config/vserctl/config.toml")
        ->type_name("FILE");
    app.add_option("--token-file", options.token_file,
                   "Present the token in this file to the server; VSERD_TOKEN can hold a token itself")
        ->type_name("FILE");
    app.add_flag("--tls", options.tls, "Connect with TLS");
    app.add_option("--tls-ca", options.tls_ca_file, "Trust this CA instead of the system's")
        ->type_name("FILE")
        ->check(CLI::ExistingFile.description(""));
    auto* certificate = app.add_option("--tls-cert", options.tls_certificate_file, "Client certificate to present")
                            ->type_name("FILE")
                            ->check(CLI::ExistingFile.description(""));
    auto* key = app.add_option("--tls-key", options.tls_key_file, "The key of --tls-cert")
                    ->type_name("FILE")
                    ->check(CLI::ExistingFile.description(""));
    certificate->needs(key);
    key->needs(certificate);
    return server;
}

void add_config_options(CLI::App& app, ConfigCommand& command) {
    app.add_option("ACTION", command.action, "list: all servers; show: one")
        ->required()
        ->type_name("")
        ->check(one_of({"list", "show"}));
    app.add_option("NAME", command.name, "With show: the server; without it, the default")->type_name("");
}

ConfigCommand checked_config(const ConfigCommand& command) {
    if (command.action == "list" && !command.name.empty())
        refuse("list takes no NAME; vserctl config show NAME shows one server");
    return command;
}

}  // namespace vserctl
