#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/config.hpp"
#include "import/document.hpp"

/// Reads the configuration of other servers of serial ports. Pure functions: text in, configuration and remarks out.
namespace vserd::importing {

enum class Format : std::uint8_t { ser2net_yaml, ser2net_conf, conserver };

/// What the result depends on besides the text.
struct Environment {
    std::string host_name;                                          ///< consoles of other masters become comments
    std::function<Result<void>(const std::string&)> check_address;  ///< whether vserd can listen there; not null
};

using ImportResult = boost::system::result<Document, config::Problem>;

/// The format of a file, by its name or else by its first lines; nothing if neither is known.
std::optional<Format> format_of(std::string_view file, std::string_view text);

/// Reads `text`. `file` is its name in messages. An error is a mistake in the file, with its position.
ImportResult import_text(std::string_view text, std::string_view file, Format format, const Environment& environment);

/// The document as a configuration file of vserd. Each remark becomes a comment with its position in the imported file.
std::string to_toml(const Document& document);

}  // namespace vserd::importing

namespace vserd::config {

[[noreturn]] inline void throw_exception_from_error(const Problem& problem, const boost::source_location&) {
    throw std::logic_error("unchecked configuration problem: " + problem.message);
}

}  // namespace vserd::config
