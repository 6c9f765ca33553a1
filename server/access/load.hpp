#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "access/authority.hpp"
#include "access/settings.hpp"
#include "access/tokens.hpp"

namespace vserd::access {

/// What [access] says with the files that it names.
struct Loaded {
    AuthorityRef authority;  ///< null if there are errors
    FileReport report;
    std::string digest;                              ///< of the files' content: equal if nothing has changed
    std::set<std::string, std::less<>> token_names;  ///< of the tokens file, also of tokens that have expired
};

/// Reads the tokens file and the JWKS file and looks up users and groups. Without [access] everybody may do everything. Waits
/// for disks and directory services, so do not call it on the io thread.
Loaded load(const std::optional<Settings>& settings, std::chrono::system_clock::time_point now);

/// The files that load() reads.
std::vector<std::string> files_of(const std::optional<Settings>& settings);

}  // namespace vserd::access
