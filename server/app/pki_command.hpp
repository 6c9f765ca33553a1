#pragma once

#include <string>
#include <vector>

namespace vserd {

/// The arguments of `vserd pki`.
struct PkiOptions {
    std::string directory;
    std::vector<std::string> names;    ///< `init`, `server`: more names and addresses of this machine
    std::vector<std::string> clients;  ///< `init`, `client`
};

/// Each prints what it made and how to configure it, or why not. Returns the exit code.
int pki_init(const PkiOptions& options);
int pki_server(const PkiOptions& options);
int pki_client(const PkiOptions& options);

}  // namespace vserd
