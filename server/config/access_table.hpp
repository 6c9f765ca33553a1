#pragma once

#include <optional>

#include "access/settings.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads [access] and its [[access.rule]] tables; nothing if the file has no [access].
std::optional<access::Settings> read_access(Table& root, Problems& problems);

/// `role` of a rule or a listener; nothing if it is missing or wrong.
std::optional<Located<access::Role>> read_role(Table& table);

}  // namespace vserd::config
