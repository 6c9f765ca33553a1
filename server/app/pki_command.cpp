#include "app/pki_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/result.hpp"
#include "base/text.hpp"
#include "pki/authority.hpp"

namespace vserd {
namespace {

using pki::Authority;

int failure(const Error& error) {
    std::fprintf(stderr, "vserd: %s\n", error.message.c_str());
    return 1;
}

std::string absolute(const std::string& directory) {
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(directory, error);
    return error ? directory : path.string();
}

/// The given names, then those by which programs on this machine reach vserd.
std::vector<std::string> hosts_of(const PkiOptions& options) {
    std::vector<std::string> hosts = options.names;
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    for (const std::string& each :
         {std::string(name.data()), std::string("localhost"), std::string("127.0.0.1"), std::string("::1")}) {
        if (pki::check_host(each) && std::ranges::find(hosts, each) == hosts.end()) hosts.push_back(each);
    }
    return hosts;
}

Result<void> check(const PkiOptions& options) {
    for (const std::string& host : options.names) {
        if (auto usable = pki::check_host(host); !usable) return usable;
    }
    for (const std::string& client : options.clients) {
        if (auto usable = pki::check_client_name(client); !usable) return usable;
    }
    return {};
}

/// A name for the server in the client's configuration.
std::string label_of(const std::string& host) {
    const std::string label = host.substr(0, host.find('.'));
    return label.find_first_not_of("0123456789") == std::string::npos || label.find(':') != std::string::npos ? "vserd"
                                                                                                              : label;
}

void tell_client(const std::string& name, const std::string& host) {
    fmt::print(
        "\nFor the client {0}: copy ca.crt, clients/{0}.crt and clients/{0}.key to ~/.config/vserctl/ and name the "
        "server there, in "
        "config.toml:\n"
        "[server.{3}]\naddress = \"{1}\"\nca = \"ca.crt\"\ncert = \"{0}.crt\"\nkey = \"{0}.key\"\n"
        "Its name in [[access.rule]]: who = [\"cert:{2}\"]\n",
        name, host.find(':') == std::string::npos ? host : "[" + host + "]", Authority::client_uri(name),
        label_of(host));
}

void tell_server(const Authority& authority) {
    fmt::print(
        "Add to /etc/vserd/vserd.toml:\n[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n"
        "Let vserd read its key: chgrp vserd {} && chmod 640 {}\n"
        "Keep {} secret, best on another machine; vserd does not need it.\n",
        authority.path("server.crt"), authority.path("server.key"), authority.path("ca.crt"),
        authority.path("server.key"), authority.path("server.key"), authority.path("ca.key"));
}

}  // namespace

int pki_init(const PkiOptions& options) {
    if (const auto usable = check(options); !usable) return failure(usable.error());
    const Authority authority(absolute(options.directory));
    const auto hosts = hosts_of(options);
    if (const auto made = authority.create(); !made) return failure(made.error());
    if (const auto made = authority.add_server(hosts); !made) return failure(made.error());
    for (const std::string& client : options.clients) {
        if (const auto made = authority.add_client(client); !made) return failure(made.error());
    }
    fmt::print("Made a CA, and a certificate of this server for {}, in {}.\n", base::joined(hosts, ", "),
               authority.path(""));
    tell_server(authority);
    for (const std::string& client : options.clients) tell_client(client, hosts.front());
    return 0;
}

int pki_server(const PkiOptions& options) {
    if (const auto usable = check(options); !usable) return failure(usable.error());
    const Authority authority(absolute(options.directory));
    const auto hosts = hosts_of(options);
    if (const auto made = authority.add_server(hosts); !made) return failure(made.error());
    fmt::print("Made a certificate of this server for {}. vserd notices the new files.\n", base::joined(hosts, ", "));
    return 0;
}

int pki_client(const PkiOptions& options) {
    if (const auto usable = check(options); !usable) return failure(usable.error());
    const Authority authority(absolute(options.directory));
    for (const std::string& client : options.clients) {
        if (const auto made = authority.add_client(client); !made) return failure(made.error());
        fmt::print("Made {0}.crt and {0}.key.\n", authority.path("clients/" + client));
        tell_client(client, hosts_of(options).front());
    }
    return 0;
}

}  // namespace vserd
