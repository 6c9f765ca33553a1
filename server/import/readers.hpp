#pragma once

#include <string_view>

#include "import/document.hpp"
#include "import/import.hpp"

namespace vserd::importing {

/// One function for each format. They add to the document. Each throws Fault for a mistake in the text.
void read_ser2net_yaml(std::string_view text, const Environment& environment, Document& document);
void read_ser2net_conf(std::string_view text, const Environment& environment, Document& document);
void read_conserver(std::string_view text, const Environment& environment, Document& document);

}  // namespace vserd::importing
