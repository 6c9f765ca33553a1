#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address_set.hpp"
#include "import/document.hpp"
#include "import/import.hpp"

namespace vserd::importing {

/// Collects ports so that the result is a valid configuration: names are valid and unique, each device belongs to one port and
/// each address to one listener. What cannot be kept becomes a comment with a remark.
class PortSet {
public:
    /// `environment` outlives the set.
    explicit PortSet(const Environment& environment, Document& document);

    /// A port with the same device as an earlier one is merged into it: its listeners move there.
    void add(ImportedPort port, Place at);

private:
    void check_name(ImportedPort& port, Place at);
    void check_device(ImportedPort& port, Place at) const;
    void check_listen(ImportedListen& listen, Place at);
    static void merge(ImportedPort& into, ImportedPort& port, Place at);

    const Environment& environment_;
    Document& document_;
    std::set<std::string> names_;
    std::map<std::string, std::size_t> devices_;  ///< normalised path -> index in the document
    base::AddressSet addresses_;
};

}  // namespace vserd::importing
