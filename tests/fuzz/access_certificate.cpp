// Certificates and the names in them, of any bytes: what becomes a name can be read in one way only.
#include <algorithm>
#include <string>
#include <vector>

#include "access/certificate_names.hpp"
#include "fuzz/fuzz.hpp"

using namespace vserd;

namespace {

void require_plain(const std::vector<std::string>& names) {
    require(names.size() <= access::certificate_names_max, "there are as many as allowed");
    for (const std::string& name : names) {
        require(name.starts_with("cert:") && name.size() > 5, "a name has its kind");
        const bool is_common = name.starts_with("cert:CN=");
        require(std::all_of(
                    name.begin(), name.end(),
                    [&](char c) { return (c > 0x20 && c < 0x7f && c != '*' && c != '?') || (is_common && c == ' '); }),
                "no NUL, wildcard, control character or letter outside ASCII");
        require(name.find("/../") == std::string::npos || is_common, "no way up in a path");
    }
}

}  // namespace

/// The first byte chooses: a certificate in DER, in PEM, or lines of names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const std::uint8_t kind = input.byte();
    std::string_view rest = input.rest();
    access::CertificateNames names;
    if (kind % 3 == 0) names = access::names_in_der(rest);
    if (kind % 3 == 1) names = access::names_in_pem(rest);
    while (kind % 3 == 2 && !rest.empty()) {
        const std::string line(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        names.uris.push_back(line);
        names.dns_names.push_back(line);
        names.common_names = {line};
    }
    require_plain(access::identity_names(names, true));
    const auto without = access::identity_names(names, false);
    require(std::none_of(without.begin(), without.end(), [](const auto& name) { return name.starts_with("cert:CN="); }),
            "the common name only on request");
    return 0;
}
