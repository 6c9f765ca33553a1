#pragma once

#include <vector>

#include "access/rule.hpp"
#include "access/tokens.hpp"

namespace vserd::access {

/// Adds "uid:1000" beside "uid:ann", and "gid:20" beside "gid:dialout", because the kernel knows the numbers of a peer only. A
/// name that does not exist is a warning: it may appear later, and until then the rule grants nothing to it. May ask a
/// directory service, so do not call it on the io thread.
std::vector<Rule> with_user_numbers(std::vector<Rule> rules, FileReport& report);

}  // namespace vserd::access
