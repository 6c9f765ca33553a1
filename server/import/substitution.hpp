#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "import/document.hpp"

namespace vserd::importing {

/// The values that conserver's substitutions insert.
struct SubstitutionValues {
    std::string console;
    std::string host;
    std::string replacement;
    std::int64_t baud = 0;
    std::int64_t port = 0;
    std::int64_t final_port = 0;
};

/// Replaces characters in `text` by the rules "c=t[n]f,..." of devicesubst in conserver.cf(5). Throws Fault for a wrong rule.
std::string substituted(std::string_view text, std::string_view rules, const SubstitutionValues& values, Place at);

}  // namespace vserd::importing
