#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "import/document.hpp"

namespace vserd::importing {

struct YamlEntry;

/// A node of a YAML document as it is written. ser2net needs more than YAML's data model: the names of anchors, keys that
/// appear several times, and aliases that name a thing instead of repeating it.
struct YamlNode {
    enum class Kind : std::uint8_t { scalar, alias, sequence, mapping };

    Kind kind = Kind::scalar;
    Place at;
    std::string text;                ///< of a scalar; the name of an alias
    std::string anchor;              ///< empty: none
    std::vector<YamlNode> items;     ///< of a sequence
    std::vector<YamlEntry> entries;  ///< of a mapping, in their order
};

struct YamlEntry {
    YamlNode key;
    YamlNode value;
};

/// The first document of the text. Throws Fault for an error of the syntax, and for more than 16 levels.
YamlNode read_yaml(std::string_view text);

}  // namespace vserd::importing
