#pragma once

#include <string>
#include <vector>

#include "import/gensio.hpp"

namespace vserd::importing {

/// An option of a ser2net connection, or a default of the class "ser2net".
struct ConnectionOption {
    Place at;
    std::string name;
    std::string value;
};

/// Applies a connection's options, and the defaults in force, to its port and listener.
void apply_options(const std::vector<ConnectionOption>& options, Place at, const GensioDefaults& defaults,
                   ImportedPort& port);

}  // namespace vserd::importing
