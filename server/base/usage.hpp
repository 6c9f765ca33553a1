#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What is wrong with a command line, for the programs of the project.
namespace vserd::base {

/// For an argument that the program does not take. `options` are those that it has, as they are written: "--config".
std::string unexpected_argument(std::string_view argument, const std::vector<std::string>& options);

/// For an option without its value. `text` is what CLI11 says: "--config: 1 required FILE missing". Other texts are returned
/// unchanged.
std::string missing_value(std::string_view text);

}  // namespace vserd::base
