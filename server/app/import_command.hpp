#pragma once

#include <string>

namespace vserd {

/// `vserd import`: prints the configuration that serves what the file of ser2net or conserver serves, and a summary on standard
/// error. What it prints passes `vserd check`. Returns the exit status.
int import_configuration(const std::string& file);

}  // namespace vserd
