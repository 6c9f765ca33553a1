#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "import/document.hpp"

/// The syntax of conserver.cf(5): named blocks of keywords and values.
namespace vserd::importing {

struct ConserverItem {
    Place at;
    std::string keyword;
    std::string value;
};

struct ConserverBlock {
    Place at;
    std::string type;
    std::string name;
    std::vector<ConserverItem> items;
};

struct ConserverFile {
    std::vector<ConserverBlock> blocks;
    std::vector<Remark> remarks;  ///< about files that it includes
};

/// Throws Fault for an error of the syntax.
ConserverFile read_conserver_blocks(std::string_view text);

}  // namespace vserd::importing
