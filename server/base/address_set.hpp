#pragma once

#include <netinet/in.h>

#include <map>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace vserd::base {

/// The addresses that a process is going to listen on, each with a description of its place. Finds two that cannot both be bound.
/// Resolves no names: another name than "localhost" overlaps itself and "[::]" only.
class AddressSet {
public:
    struct Entry {
        std::string text;  ///< as it was written
        std::string place;
        std::string host;             ///< in lower case
        std::vector<in6_addr> hosts;  ///< what the host stands for, IPv4 as ::ffff:a.b.c.d; empty for a name
    };

    /// Returns the entry that prevents that both are bound and leaves the set as it is, or adds the address and returns null.
    /// Port 0 means a free port and prevents nothing. The result is valid until the next add().
    const Entry* add(const std::string& text, const Address& address, std::string place);

private:
    std::multimap<std::string, Entry> entries_;  ///< by port or path
};

}  // namespace vserd::base
