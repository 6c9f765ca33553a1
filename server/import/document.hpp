#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace vserd::importing {

/// A position in the imported file, both from 1.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// Something in the file that has no equivalent in vserd, and what to do instead.
struct Remark {
    Place at;
    std::string text;
};

struct ImportedListen {
    config::ListenEntry entry;
    std::vector<Remark> remarks;
    bool active = true;  ///< false: written as a comment, and the remarks say why
};

struct ImportedPort {
    config::PortEntry entry;  ///< without its listeners
    std::vector<ImportedListen> listen;
    std::vector<Remark> remarks;
    bool active = true;  ///< false: written as a comment, with its listeners, and the remarks say why
};

/// An imported file.
struct Document {
    std::string file;
    bool insecure_remote = false;  ///< an active listener can be reached from other machines, without TLS
    bool tls = false;              ///< a listener needs a certificate
    std::vector<Remark> remarks;   ///< about the file as a whole, and about what became no port
    std::vector<ImportedPort> ports;
};

/// What the imported file says in a way that cannot be imported. Thrown by the readers and caught by import_text().
struct Fault {
    Place at;
    std::string message;
};

}  // namespace vserd::importing
