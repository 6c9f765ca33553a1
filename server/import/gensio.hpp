#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "import/document.hpp"

/// The strings with which ser2net names its ends, as gensio(5) describes them: "telnet(rfc2217),tcp,localhost,3001".
namespace vserd::importing {

/// The defaults of a ser2net.yaml in force: for a class of gensio, or for all ("").
class GensioDefaults {
public:
    void set(const std::string& of_class, const std::string& name, std::string value);
    void remove(const std::string& of_class, const std::string& name);
    std::optional<std::string> find(const std::string& of_class, const std::string& name) const;

private:
    std::map<std::pair<std::string, std::string>, std::string> values_;
};

/// One layer, "telnet(rfc2217)", and what follows its comma.
struct GensioLayer {
    std::string name;
    std::vector<std::string> options;  ///< in parentheses
    std::string rest;
};
/// Throws Fault if a parenthesis or a quote is not closed.
GensioLayer first_layer(std::string_view text, Place at);

/// Whether text is one of true, yes, on, 1.
bool is_true(std::string_view text);

/// The listener that an accepter describes; or nothing, with a remark. Throws Fault.
std::optional<ImportedListen> read_accepter(std::string_view text, Place at, const GensioDefaults& defaults,
                                            std::vector<Remark>& remarks);

/// Sets device and settings from a connector; false if it is no serial device, with a remark. Throws Fault.
bool read_connector(std::string_view text, Place at, const GensioDefaults& defaults, ImportedPort& port,
                    std::vector<Remark>& remarks);

/// Sets the port's settings from options such as "9600n81,local" or "9600 NONE 8DATABITS". Throws Fault.
void read_serial_options(std::string_view text, Place at, const GensioDefaults& defaults, ImportedPort& port);

}  // namespace vserd::importing
